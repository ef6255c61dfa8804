"""Payments: written down by staff or read from a bank's statement, never changed, reversed by
another one. What an invoice stands at follows (`billing.invoices.standing`).
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from billing.dunning import suspension
from billing.einvoice.document import Kind, rounded
from billing.invoices.standing import open_items, standing, sums_left
from billing.models import BankEntry, Invoice, Payment
from billing.payments import notices as payment_notices
from portal.audit.actions import record
from portal.kernel import clock, ids
from portal.kernel.actor import Actor
from portal.kernel.errors import Conflict, Invalid, NotFound
from portal.tenancy.models import Organisation
from portal.tenancy.oversight import require_staff

_MOST_REFERENCE, _MOST_REASON = 140, 500
_FIRST_YEAR = 2000


@transaction.atomic
def record_payment(
    *,
    actor: Actor,
    invoice: Invoice,
    amount: Decimal,
    received_on: date,
    method: str = Payment.Method.TRANSFER,
    reference: str = "",
    entry: BankEntry | None = None,
) -> Payment:
    """Raises: NotPermitted unless staff does it, Invalid with every fault, Conflict for a draft."""
    locked = _locked(actor, invoice)
    _refuse(_faults(amount, received_on, method, reference))
    return _write(
        actor,
        "payment.record",
        Payment(
            invoice=locked,
            amount=amount,
            received_on=received_on,
            method=method,
            reference=reference.strip(),
            entry=entry,
        ),
    )


@transaction.atomic
def reverse_payment(
    *, actor: Actor, payment: Payment, reason: str, entry: BankEntry | None = None
) -> Payment:
    """A payment that was none, or that the bank took back (`entry`): another one takes it off,
    whole. An invoice that was settled is open again: its reminders begin anew from that day.

    Raises: NotPermitted, Invalid without a reason, Conflict when it is reversed, or reverses.
    """
    locked = _locked(actor, payment.invoice)
    if not reason.strip() or len(reason) > _MOST_REASON:
        raise Invalid({"reason": _("Say why.")})
    if payment.reverses_id or Payment.objects.filter(reverses=payment).exists():
        raise Conflict(_("This payment is reversed already."), hint=_("Nothing has to be done."))
    left = standing(locked).left
    counter = Payment(
        invoice=locked,
        amount=-payment.amount,
        received_on=entry.booked_on if entry else clock.now().date(),
        method=payment.method,
        reference=payment.reference,
        entry=entry,
        reverses=payment,
        reopens=left <= 0 < left + payment.amount,
        reason=reason.strip(),
    )
    made = _write(actor, "payment.reverse", counter)
    if counter.reopens and entry is not None:
        payment_notices.tell_returned(made)
    return made


@transaction.atomic
def record_refund(
    *,
    actor: Actor,
    invoice: Invoice,
    amount: Decimal,
    paid_on: date,
    reference: str = "",
    entry: BankEntry | None = None,
) -> Payment:
    """What was paid back of an invoice that is overpaid, or credited after it was paid.

    Raises: NotPermitted, Invalid, Conflict when that is more than what was paid too much.
    """
    locked = _locked(actor, invoice)
    _refuse(_faults(amount, paid_on, Payment.Method.TRANSFER, reference))
    too_much = max(-standing(locked).left, Decimal(0))
    if amount > too_much:
        raise Conflict(
            _("%(amount)s were paid too much of %(number)s.")
            % {"amount": f"{too_much:f}", "number": locked.number},
            hint=_("Pay back no more than that."),
        )
    payment = Payment(
        invoice=locked,
        amount=-amount,
        received_on=paid_on,
        reference=reference.strip(),
        entry=entry,
    )
    return _write(actor, "payment.refund", payment)


def _locked(actor: Actor, invoice: Invoice) -> Invoice:
    require_staff(actor)
    Organisation.objects.select_for_update().get(pk=invoice.organisation_id)
    found = Invoice.objects.select_for_update(of=("self",)).select_related("organisation")
    row = found.defer("document").get(pk=invoice.pk)
    if row.status != Invoice.Status.ISSUED or row.kind != Kind.INVOICE:
        raise Conflict(_("Only an issued invoice is paid."), hint=_("A draft is issued first."))
    return row


def _write(actor: Actor, verb: str, payment: Payment) -> Payment:
    payment.public_id = ids.public_id("py")
    payment.recorded_at = clock.now()
    payment.save(force_insert=True)
    suspension.lift_settled(organisation=payment.invoice.organisation)
    record(
        actor,
        verb,
        "invoice",
        str(payment.invoice.number),
        chain=payment.invoice.organisation.slug,
        after={"payment": payment.public_id, "amount": f"{payment.amount:f}"},
        reason=payment.reason,
    )
    return payment


def _faults(amount: Decimal, day: date, method: str, reference: str) -> dict[str, str]:
    found = {}
    if not amount.is_finite() or amount <= 0 or amount != rounded(amount):
        found["amount"] = _("Give an amount in whole cents, above nothing.")
    if not can_have_come(day):
        found["received_on"] = _("Give the day on which it came, today at the latest.")
    if method not in Payment.Method.values:
        found["method"] = _("Choose one.")
    if len(reference) > _MOST_REFERENCE:
        found["reference"] = _("Write at most %(most)s characters.") % {"most": _MOST_REFERENCE}
    return found


def can_have_come(day: date) -> bool:
    """Whether a payment may be of that day: of none that is to come."""
    return date(_FIRST_YEAR, 1, 1) <= day <= clock.now().date()


def _refuse(faults: dict[str, str]) -> None:
    if faults:
        raise Invalid(faults)


# -- reads for staff -------------------------------------------------------------------------------


def payment_for(actor: Actor, public_id: str) -> Payment:
    """Raises: NotPermitted, NotFound."""
    require_staff(actor)
    rows = Payment.objects.select_related("invoice__organisation")
    found = rows.filter(public_id=public_id).first()
    if found is None:
        raise NotFound(_("There is no such payment."), hint=_("See the list of payments."))
    return found


def open_items_for(actor: Actor) -> QuerySet[Invoice]:
    """Raises: NotPermitted."""
    require_staff(actor)
    return open_items()


def sums_for(actor: Actor) -> tuple[Decimal, Decimal]:
    """What is left of all invoices, and of those that are overdue. Raises: NotPermitted."""
    require_staff(actor)
    return sums_left()


def invoice_for(actor: Actor, number: str) -> Invoice:
    """An issued invoice of any tenant. Raises: NotPermitted, NotFound."""
    require_staff(actor)
    rows = Invoice.objects.filter(status=Invoice.Status.ISSUED, kind=Kind.INVOICE)
    found = rows.select_related("organisation").filter(number=number).first()
    if found is None:
        raise NotFound(
            _("There is no invoice “%(name)s”.") % {"name": number},
            hint=_("See the list of invoices."),
        )
    return found


def method_labels() -> dict[str, str]:
    return {
        Payment.Method.TRANSFER: _("Transfer"),
        Payment.Method.DIRECT_DEBIT: _("Direct debit"),
        Payment.Method.CARD: _("Card"),
        Payment.Method.OTHER: _("Other"),
    }


def payments_of(invoice: Invoice) -> list[Payment]:
    """Of an invoice that the caller may see, oldest first."""
    rows = invoice.payments.select_related("reverses", "reversed_by")
    return list(rows.order_by("received_on", "pk"))
