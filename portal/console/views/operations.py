"""Operations: all of a project, one, and what can be done about one."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET, require_POST

from portal.accounts.actors import actor_of
from portal.console import listing
from portal.console import operations as building
from portal.console.page import go, page
from portal.console.scope import require_project
from portal.tenancy import access
from portal.tenancy.permissions import Permission
from services.instances import actions, queries


@login_required
@require_GET
def operations(request: HttpRequest) -> HttpResponse:
    """GET /operations/?state=&page="""
    actor = actor_of(request)
    context = listing.operations(actor, require_project(request, actor), request.GET.dict())
    return page(request, "console/operations.html", context, fragment="results")


@login_required
@require_GET
def operation(request: HttpRequest, public_id: str) -> HttpResponse:
    """GET /operations/ID/"""
    actor = actor_of(request)
    found = queries.operation_for(actor, public_id)
    request.project = found.instance.project  # type: ignore[attr-defined]  # read by the shell
    held = access.permissions_in(actor, found.instance.project)
    context = {
        "card": building.card(found),
        "instance": found.instance,
        "may_manage": Permission.OPERATION_MANAGE in held,
    }
    return page(request, "console/operation.html", context, fragment="operation")


@login_required
@require_POST
def cancel(request: HttpRequest, public_id: str) -> HttpResponse:
    """POST /operations/ID/cancel/"""
    actor = actor_of(request)
    found = queries.operation_for(actor, public_id)
    actions.cancel(actor=actor, operation=found)
    return go(request, "console:operation", public_id)


@login_required
@require_POST
def retry(request: HttpRequest, public_id: str) -> HttpResponse:
    """POST /operations/ID/retry/"""
    actor = actor_of(request)
    found = queries.operation_for(actor, public_id)
    again = actions.retry(actor=actor, operation=found)
    return go(request, "console:operation", again.public_id)
