"""What was spent."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from portal.accounts.actors import actor_of
from portal.console import costs as building
from portal.console.address import asked_of, query_of, show
from portal.console.page import page
from portal.console.scope import require_project
from portal.kernel import clock


@login_required
@require_safe
def explorer(request: HttpRequest) -> HttpResponse:
    """GET /costs/?month=&period=&by=&project="""
    actor, asked = actor_of(request), asked_of(request)
    organisation = require_project(request, actor).organisation
    context = building.explorer(actor, organisation, asked)
    response = page(request, "console/costs.html", context, fragment="results")
    return show(request, response, query_of(asked, building.FILTERS))


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
