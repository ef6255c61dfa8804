"""Announcements in the notice strip."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from portal.accounts.actors import staff_actor
from portal.console.address import sent_of
from portal.console.attempts import attempt
from portal.console.page import go, page
from portal.console.staff import announcements as building
from portal.console.staff.door import staff_only
from portal.status import actions, queries


@staff_only
@require_http_methods(["GET", "POST"])
def announcements(request: HttpRequest) -> HttpResponse:
    """GET, POST /staff/announcements/ (text, level, audience, region, organisation, …)"""
    actor, sent = staff_actor(request), sent_of(request)
    errors: dict[str, str] = {}
    if request.method == "POST":
        made, errors = attempt(lambda: building.announce(actor, sent))
        if made is not None:
            messages.success(request, _("Announced."))
            return go(request, "console:staff-announcements")
    context = building.page_of(actor, request.GET.get("page"), sent, errors)
    status = 422 if errors else 200
    return page(request, "console/staff/announcements.html", context, status=status)


@staff_only
@require_POST
def withdraw(request: HttpRequest, public_id: str) -> HttpResponse:
    """POST /staff/announcements/ID/withdraw/"""
    found = queries.announcement(public_id)
    actions.withdraw_announcement(actor=staff_actor(request), announcement=found)
    messages.success(request, _("Withdrawn: nobody sees it any more."))
    return go(request, "console:staff-announcements")
