"""Spare capacity: how much of each region may be used, and what it costs."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from portal.accounts.actors import staff_actor
from portal.console.address import sent_of
from portal.console.attempts import attempt
from portal.console.page import go, page
from portal.console.staff import spot as building
from portal.console.staff.door import staff_only

_PAGE = "console/staff/spot.html"


@staff_only
@require_GET
def spot(request: HttpRequest) -> HttpResponse:
    """GET /staff/spot/"""
    return page(request, _PAGE, building.shown(staff_actor(request)))


@staff_only
@require_POST
def offer(request: HttpRequest) -> HttpResponse:
    """POST /staff/spot/offer/ (region, vcpu, reason)"""
    actor, sent = staff_actor(request), sent_of(request)
    told, errors = attempt(lambda: building.offer(actor, sent))
    if told is None:
        return page(request, _PAGE, building.shown(actor, sent, errors), status=422)
    text = ngettext(
        "Set. %(n)s service is told that it is interrupted in two minutes.",
        "Set. %(n)s services are told that they are interrupted in two minutes.",
        len(told),
    )
    messages.success(request, text % {"n": len(told)} if told else _("Set. Nobody has to leave."))
    return go(request, "console:staff-spot")


@staff_only
@require_POST
def price(request: HttpRequest) -> HttpResponse:
    """POST /staff/spot/price/ (place, class, percent, at, why)"""
    actor, sent = staff_actor(request), sent_of(request)
    row, errors = attempt(lambda: building.say(actor, sent))
    if row is None:
        return page(request, _PAGE, building.shown(actor, sent, errors), status=422)
    text = _("Set from %(at)s UTC on.")
    messages.success(request, text % {"at": f"{row.at:%Y-%m-%d %H:%M}"})
    return go(request, "console:staff-spot")
