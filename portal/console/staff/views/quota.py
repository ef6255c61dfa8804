"""Quota: limits of a project in a region, and requests for more."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from portal.accounts.actors import staff_actor
from portal.console.address import sent_of
from portal.console.attempts import attempt
from portal.console.page import go, page
from portal.console.staff import quota as building
from portal.console.staff.door import staff_only
from portal.tenancy import oversight
from services.regions import oversight as places
from services.regions.requests import quota_request_called


@staff_only
@require_GET
def quota(request: HttpRequest, slug: str) -> HttpResponse:
    """GET /staff/organisations/SLUG/quota/"""
    actor = staff_actor(request)
    found = oversight.organisation(actor, slug, seen="quota")
    return page(request, "console/staff/quota.html", building.overview(actor, found))


@staff_only
@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, slug: str, project: str, region: str) -> HttpResponse:
    """GET, POST /staff/organisations/SLUG/quota/PROJECT/REGION/ (a limit for each name, reason)"""
    actor = staff_actor(request)
    organisation = oversight.organisation(actor, slug, seen="quota")
    where = oversight.project(actor, organisation, project), places.region(actor, region)
    sent = sent_of(request)
    errors: dict[str, str] = {}
    if request.method == "POST":
        changed, errors = attempt(lambda: building.save(actor, *where, sent))
        if changed is not None:
            messages.success(request, _("Saved.") if changed else _("Nothing was different."))
            return go(request, "console:staff-quota", slug)
    context = building.form(actor, organisation, *where, sent, errors)
    return page(request, "console/staff/quota_edit.html", context, status=422 if errors else 200)


@staff_only
@require_GET
def requests(request: HttpRequest) -> HttpResponse:
    """GET /staff/quota-requests/"""
    context = building.request_list(staff_actor(request))
    return page(request, "console/staff/requests.html", context)


@staff_only
@require_POST
def decide(request: HttpRequest, public_id: str) -> HttpResponse:
    """POST /staff/quota-requests/ID/ (decision=approve|refuse, limit, answer)"""
    actor, found, sent = staff_actor(request), quota_request_called(public_id), sent_of(request)
    done, errors = attempt(lambda: building.decide(actor, found, sent))
    if done is None:
        context: dict[str, Any] = building.request_list(actor)
        context |= {"errors": errors, "sent": sent, "wrong": public_id}
        return page(request, "console/staff/requests.html", context, status=422)
    messages.success(request, _("Answered."))
    return go(request, "console:staff-requests")
