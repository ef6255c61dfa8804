"""Vouchers, for staff."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from billing.credits import vouchers as actions
from portal.accounts.actors import staff_actor
from portal.console.address import sent_of
from portal.console.attempts import attempt
from portal.console.page import go, page
from portal.console.reauthentication import fresh_sign_in
from portal.console.staff import vouchers as building
from portal.console.staff.door import staff_only

_PAGE = "console/staff/vouchers.html"


@staff_only
@require_http_methods(["GET", "POST"])
@fresh_sign_in
def vouchers(request: HttpRequest) -> HttpResponse:
    """GET, POST /staff/vouchers/ (amount, valid_until, credit_until, times, offering, note): 201
    with the code, which is shown once; 422
    """
    actor, sent, asked = staff_actor(request), sent_of(request), request.GET.get("page")
    if request.method == "GET":
        return page(request, _PAGE, building.page_of(actor, asked))
    made, errors = attempt(lambda: building.create(actor, sent))
    if made is None:
        return page(request, _PAGE, building.page_of(actor, asked, sent, errors), status=422)
    return page(request, _PAGE, building.page_of(actor, asked, code=made[1]), status=201)


@staff_only
@require_POST
def withdraw(request: HttpRequest, public_id: str) -> HttpResponse:
    """POST /staff/vouchers/ID/withdraw/"""
    actor = staff_actor(request)
    found = actions.voucher_called(actor, public_id)
    _done, errors = attempt(lambda: actions.withdraw_voucher(actor=actor, voucher=found))
    if errors:
        messages.error(request, errors["form"])
    else:
        messages.success(request, _("Withdrawn: nobody can redeem it any more."))
    return go(request, "console:staff-vouchers")
