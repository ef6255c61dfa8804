"""What the provider earns."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import resolve_url
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from portal.accounts.actors import staff_actor
from portal.console.address import asked_of, query_of, sent_of, show
from portal.console.attempts import attempt
from portal.console.page import go, page
from portal.console.staff import revenue as building
from portal.console.staff.door import staff_only

_PAGE = "console/staff/revenue.html"


@staff_only
@require_http_methods(["GET", "POST"])
def revenue(request: HttpRequest) -> HttpResponse:
    """GET /staff/revenue/?month=&by=; POST (month, region, amount): what a region cost"""
    actor, asked, sent = staff_actor(request), asked_of(request), sent_of(request)
    if request.method == "GET":
        response = page(request, _PAGE, building.shown(actor, asked), fragment="results")
        return show(request, response, query_of(asked, building.FILTERS))
    month, errors = attempt(lambda: building.enter_cost(actor, sent))
    if month is None:
        context = building.shown(actor, sent) | {"errors": errors, "sent": sent}
        return page(request, _PAGE, context, status=422)
    messages.success(request, _("Saved."))
    return go(request, f"{resolve_url('console:staff-revenue')}?month={month:%Y-%m}&by=region")
