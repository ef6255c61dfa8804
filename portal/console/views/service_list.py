"""The list of services, what is done to many of them at once, saved views, and the bin."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import resolve_url
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from portal.accounts.actors import actor_of
from portal.console import actions, address, queries
from portal.console import bulk as doing
from portal.console import service_list as building
from portal.console.page import go, page
from portal.console.scope import require_project
from portal.kernel.errors import Conflict, Invalid

_TEMPLATE = "console/services.html"


@login_required
@require_GET
def services(request: HttpRequest) -> HttpResponse:
    """GET /services/?q=&offering=&phase=&region=&tag=&sort=&page="""
    actor = actor_of(request)
    project, asked = require_project(request, actor), address.asked_of(request)
    if not asked and (query := building.first_query(actor, project)):
        return HttpResponseRedirect(_list(query))
    context = building.services(actor, project, asked)
    if request.headers.get("HX-Target") == "watch":
        return page(request, _TEMPLATE, context, fragment="watch")
    everything = "all=1" if context["has_default"] else ""
    response = page(request, _TEMPLATE, context, fragment="results")
    return address.show(request, response, context["query"] or everything)


@login_required
@require_POST
def bulk(request: HttpRequest) -> HttpResponse:
    """POST /services/bulk/ (action, id …, tag): to the list when all went well, else what did
    not.
    """
    actor = actor_of(request)
    project, back = require_project(request, actor), _sent(request, "back")
    try:
        result = doing.run(actor, project, request.POST)
    except Invalid as error:
        return _again(request, back, {"faults": error.fields})
    if not result.refused:
        messages.success(request, result.summary)
        return go(request, _list(back))
    return page(request, "console/bulk.html", {"result": result, "back": _list(back)})


@login_required
@require_POST
def save_view(request: HttpRequest) -> HttpResponse:
    """POST /services/views/ (name, query, default): keep the filters under a name."""
    actor = actor_of(request)
    project, query = require_project(request, actor), _sent(request, "query")
    name, first = request.POST.get("name", ""), "default" in request.POST
    try:
        actions.save_view(actor=actor, project=project, name=name, query=query, is_default=first)
    except (Invalid, Conflict) as error:
        return _again(request, query, {"view_fault": f"{error.said} {error.hint}".strip()})
    return go(request, _list(query))


@login_required
@require_POST
def change_view(request: HttpRequest, view_id: str) -> HttpResponse:
    """POST /services/views/ID/ (name, default)"""
    actor = actor_of(request)
    view = queries.view_for(actor, require_project(request, actor), view_id)
    name, first = request.POST.get("name", ""), "default" in request.POST
    try:
        actions.change_view(actor=actor, view=view, name=name, is_default=first)
    except Invalid as error:
        return _again(request, view.query, {"view_fault": error.fields["view"]})
    return go(request, _list(view.query))


@login_required
@require_POST
def delete_view(request: HttpRequest, view_id: str) -> HttpResponse:
    """POST /services/views/ID/delete/"""
    actor = actor_of(request)
    view = queries.view_for(actor, require_project(request, actor), view_id)
    actions.delete_view(actor=actor, view=view)
    messages.success(request, _("The view “%(name)s” is deleted.") % {"name": view.name})
    return go(request, _list("all=1"))


@login_required
@require_GET
def in_bin(request: HttpRequest) -> HttpResponse:
    """GET /services/bin/"""
    actor = actor_of(request)
    return page(
        request, "console/bin.html", building.in_bin(actor, require_project(request, actor))
    )


def _sent(request: HttpRequest, name: str) -> str:
    """The list's filters that a form sent along."""
    return building.plain_query(request.POST.get(name, ""))


def _list(query: str) -> str:
    return f"{resolve_url('console:services')}?{query or 'all=1'}"


def _again(request: HttpRequest, query: str, faults: dict[str, object]) -> HttpResponse:
    """The list as it was, with what was ticked and typed, and what is wrong."""
    actor = actor_of(request)
    asked = {name: str(value) for name, value in QueryDict(query).items()}
    asked["page"] = request.POST.get("page", "")
    chosen = request.POST.getlist("id")
    context = building.services(actor, require_project(request, actor), asked, chosen)
    typed = {name: request.POST.get(name, "") for name in ("name", "tag")}
    return page(request, _TEMPLATE, {**context, **faults, "typed": typed}, status=422)
