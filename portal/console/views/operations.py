"""Operations: all of a project, one, and what can be done about one."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET, require_POST

from portal.accounts.actors import actor_of
from portal.console import listing
from portal.console import operations as building
from portal.console.page import go, page
from portal.console.scope import require_project
from portal.kernel.actor import Actor
from services.instances import actions, logs
from services.instances.operations import operation_for


@login_required
@require_GET
def operations(request: HttpRequest) -> HttpResponse:
    """GET /operations/?state=&kind=&service=&who=&page="""
    actor = actor_of(request)
    context = listing.operations(actor, require_project(request, actor), request.GET.dict())
    return page(request, "console/operations.html", context, fragment="results")


@login_required
@require_GET
def operation(request: HttpRequest, public_id: str) -> HttpResponse:
    """GET /operations/ID/"""
    actor, found = _one(request, public_id)
    return page(request, "console/operation.html", building.one(actor, found), fragment="operation")


@login_required
@require_GET
def log(request: HttpRequest, public_id: str) -> HttpResponse:
    """GET /operations/ID/log/: what the server wrote meanwhile; the whole page without htmx."""
    actor, found = _one(request, public_id)
    context = building.one(actor, found) | building.log(actor, found)
    return page(request, "console/operation.html", context, fragment="log")


@login_required
@require_GET
def log_file(request: HttpRequest, public_id: str) -> HttpResponse:
    """GET /operations/ID/log.txt: the same to keep."""
    actor, found = _one(request, public_id)
    part = logs.log_during(actor, found)
    response = HttpResponse(f"{part.text}\n", content_type="text/plain; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{public_id}.log.txt"'
    return response


def _one(request: HttpRequest, public_id: str) -> tuple[Actor, Any]:
    actor = actor_of(request)
    found = operation_for(actor, public_id)
    request.project = found.instance.project  # type: ignore[attr-defined]  # read by the shell
    return actor, found


@login_required
@require_POST
def cancel(request: HttpRequest, public_id: str) -> HttpResponse:
    """POST /operations/ID/cancel/"""
    actor = actor_of(request)
    found = operation_for(actor, public_id)
    actions.cancel(actor=actor, operation=found)
    return go(request, "console:operation", public_id)


@login_required
@require_POST
def retry(request: HttpRequest, public_id: str) -> HttpResponse:
    """POST /operations/ID/retry/"""
    actor = actor_of(request)
    found = operation_for(actor, public_id)
    again = actions.retry(actor=actor, operation=found)
    return go(request, "console:operation", again.public_id)
