"""Payments and credit notes, and what invoices stand at."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from billing.payments import actions as money
from billing.payments import bank_entries
from portal.accounts.actors import staff_actor
from portal.console.address import sent_of
from portal.console.attempts import attempt
from portal.console.page import go, page
from portal.console.reauthentication import fresh_sign_in
from portal.console.staff import payments as building
from portal.console.staff.door import staff_only

_PAGE = "console/staff/payments.html"
_ACCOUNT = "console/staff/payments_invoice.html"
_REMINDERS = "console/staff/reminders.html"


@staff_only
@require_GET
def payments(request: HttpRequest) -> HttpResponse:
    """GET /staff/payments/?page="""
    return page(request, _PAGE, building.overview(staff_actor(request), request.GET.get("page")))


@staff_only
@require_POST
def statement(request: HttpRequest) -> HttpResponse:
    """POST /staff/payments/statement/ (statement: a CAMT.053 file)"""
    actor, file = staff_actor(request), request.FILES.get("statement")
    content = file.read(bank_entries.MOST_BYTES + 1) if file else b""
    done, errors = attempt(lambda: bank_entries.import_statement(actor=actor, content=content))
    if done is None:
        context = building.overview(actor, None) | {"errors": errors}
        return page(request, _PAGE, context, status=422)
    said = _("%(new)d new entries, %(matched)d of them matched; %(known)d known before.")
    counts = {"new": done.new, "matched": done.matched, "known": done.known}
    messages.success(request, said % counts)
    return go(request, "console:staff-payments")


@staff_only
@require_GET
def reminders(request: HttpRequest) -> HttpResponse:
    """GET /staff/payments/reminders/?page="""
    context = building.reminders(staff_actor(request), request.GET.get("page"))
    return page(request, _REMINDERS, context)


@staff_only
@require_POST
@fresh_sign_in
def suspend(request: HttpRequest, slug: str) -> HttpResponse:
    """POST /staff/payments/reminders/suspend/SLUG/"""
    actor = staff_actor(request)
    done, errors = attempt(lambda: building.suspend(actor, slug))
    if done is None:
        context = building.reminders(actor, None) | {"errors": errors}
        return page(request, _REMINDERS, context, status=422)
    messages.success(request, _("The organisation is suspended."))
    return go(request, "console:staff-reminders")


@staff_only
@require_POST
def entry(request: HttpRequest, public_id: str) -> HttpResponse:
    """POST /staff/payments/entries/ID/ (what: assign, number; or what: aside, reason)"""
    actor, sent = staff_actor(request), sent_of(request)
    row = bank_entries.entry_for(actor, public_id)
    done, errors = attempt(lambda: building.deal_with(actor, row, sent))
    if done is None:
        context = building.overview(actor, None) | {"errors": errors}
        return page(request, _PAGE, context, status=422)
    messages.success(request, _("Saved."))
    return go(request, "console:staff-payments")


@staff_only
@require_GET
def invoice(request: HttpRequest, number: str) -> HttpResponse:
    """GET /staff/payments/invoices/NUMBER/"""
    actor = staff_actor(request)
    return page(request, _ACCOUNT, building.account(actor, money.invoice_for(actor, number)))


@staff_only
@require_POST
def act(request: HttpRequest, number: str, what: str) -> HttpResponse:
    """POST /staff/payments/invoices/NUMBER/WHAT/: payment, refund, reverse, whole, lines,
    amount, hold, release
    """
    actor, sent = staff_actor(request), sent_of(request)
    row = money.invoice_for(actor, number)
    done, errors = attempt(lambda: building.act(actor, row, what, sent))
    if done is None:
        context = building.account(actor, row, sent | {"what": what}, errors)
        return page(request, _ACCOUNT, context, status=422)
    messages.success(request, _("Saved."))
    return go(request, "console:staff-payments-invoice", number)
