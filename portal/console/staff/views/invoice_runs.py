"""The invoices of a month: how far they are, and the runs that write them."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import resolve_url
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from portal.accounts.actors import staff_actor
from portal.console.address import asked_of, sent_of
from portal.console.attempts import attempt
from portal.console.page import go, page
from portal.console.staff import invoice_runs as building
from portal.console.staff.door import staff_only

_PAGE = "console/staff/invoice_runs.html"


@staff_only
@require_http_methods(["GET", "POST"])
def invoice_runs(request: HttpRequest) -> HttpResponse:
    """GET /staff/invoice-runs/?month=; POST (month, kind): a run begins."""
    actor, sent = staff_actor(request), sent_of(request)
    if request.method == "GET":
        return page(request, _PAGE, building.of_month(actor, asked_of(request)), fragment="live")
    made, errors = attempt(lambda: building.begin(actor, sent))
    if made is None:
        context = building.of_month(actor, sent) | {"errors": errors}
        return page(request, _PAGE, context, status=422)
    messages.success(request, _("The run has begun."))
    return go(request, f"{resolve_url('console:staff-invoice-runs')}?month={made.month:%Y-%m}")
