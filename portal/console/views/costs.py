"""What was spent."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import resolve_url
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from portal.accounts.actors import actor_of
from portal.console import actions, queries
from portal.console import costs as building
from portal.console.address import asked_of, query_of, show
from portal.console.attempts import attempt
from portal.console.page import go, page
from portal.console.scope import require_project
from portal.kernel import clock


@login_required
@require_safe
def explorer(request: HttpRequest) -> HttpResponse:
    """GET /costs/?month=&period=&by=&project="""
    actor, asked = actor_of(request), asked_of(request)
    project = require_project(request, actor)
    query = query_of(asked, building.FILTERS)
    context = building.explorer(actor, project.organisation, asked)
    context |= building.views(actor, project, query)
    response = page(request, "console/costs.html", context, fragment="results")
    return show(request, response, query)


@login_required
@require_POST
def save_view(request: HttpRequest) -> HttpResponse:
    """POST /costs/views/ (name, query, shared): keep what is shown under a name."""
    actor = actor_of(request)
    project = require_project(request, actor)
    query = building.plain_query(request.POST.get("query", ""))
    _done, errors = attempt(
        lambda: actions.save_cost_view(
            actor=actor,
            project=project,
            name=request.POST.get("name", ""),
            query=query,
            is_shared="shared" in request.POST,
        )
    )
    for text in errors.values():
        messages.error(request, text)
    return go(request, f"{resolve_url('console:costs')}?{query}")


@login_required
@require_POST
def delete_view(request: HttpRequest, view_id: str) -> HttpResponse:
    """POST /costs/views/ID/delete/"""
    actor = actor_of(request)
    view = queries.view_for(actor, require_project(request, actor), view_id)
    actions.delete_view(actor=actor, view=view)
    messages.success(request, _("The view “%(name)s” is deleted.") % {"name": view.name})
    return go(request, "console:costs")


@login_required
@require_safe
def as_csv(request: HttpRequest) -> HttpResponse:
    """GET /costs/costs.csv, with the same filters."""
    actor, asked = actor_of(request), asked_of(request)
    organisation = require_project(request, actor).organisation
    text = building.as_csv(actor, organisation, asked)
    name = f"costs-{organisation.slug}-{clock.now():%F}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(text, content_type="text/csv; charset=utf-8", headers=headers)
