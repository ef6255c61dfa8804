"""The audit log of the organisation at hand."""

from __future__ import annotations

from collections.abc import Mapping

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_GET, require_POST

from portal.accounts.actors import actor_of
from portal.console import audit as building
from portal.console import audit_export
from portal.console.page import go, page, wants_fragment
from portal.console.scope import require_project
from portal.kernel import clock
from portal.kernel.actor import Actor
from portal.tenancy import access, trail
from portal.tenancy.models import Project
from portal.tenancy.permissions import Permission


@login_required
@require_GET
def audit(request: HttpRequest) -> HttpResponse:
    """GET /audit/?actor=&verb=&target=&project=&since=&until=&before=&after="""
    actor = actor_of(request)
    scope = trail.scope_of(actor, _project(request, actor, request.GET))
    context = building.page(actor, scope, request.GET.dict())
    context["swapped"] = wants_fragment(request)
    return page(request, "console/audit.html", context, fragment="results")


@login_required
@require_POST
def export(request: HttpRequest) -> HttpResponseBase:
    """POST /audit/export/ (format=jsonl|csv and the filters): a stream, itself audited."""
    actor = actor_of(request)
    scope = trail.scope_of(actor, _project(request, actor, request.POST))
    kind = "csv" if request.POST.get("format") == "csv" else "jsonl"
    filters = building.filters(request.POST.dict())
    events = trail.export_events(actor=actor, scope=scope, filters=filters, kind=kind)
    response = StreamingHttpResponse(
        audit_export.lines(events, kind), content_type=audit_export.TYPES[kind]
    )
    name = f"audit-{scope.chain}-{clock.now():%Y%m%dT%H%M%SZ}.{kind}"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "no-store"
    return response


def _project(request: HttpRequest, actor: Actor, asked: Mapping[str, str]) -> Project:
    """The project that is asked for, in whatever organisation, else the one at hand."""
    slug = asked.get("project", "")
    if not slug:
        return require_project(request, actor)
    found = access.project(actor, slug, Permission.PROJECT_VIEW)
    request.project = found  # type: ignore[attr-defined]  # read by the shell
    return found


@login_required
@require_POST
def check(request: HttpRequest) -> HttpResponse:
    """POST /audit/check/: proves the newest events now."""
    actor = actor_of(request)
    trail.check_chain(actor=actor, organisation=require_project(request, actor).organisation)
    return go(request, "console:audit")
