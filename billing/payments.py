"""Payments: written down by staff or read from a bank's statement, never changed, reversed by
another one. What an invoice stands at follows (`billing.standing`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils.translation import gettext as _

from billing import camt, suspension
from billing.einvoice.document import Kind, rounded
from billing.models import BankEntry, Invoice, Payment
from billing.standing import open_items, standing, sums_left
from portal.audit.actions import PROVIDER, record
from portal.kernel import clock, ids
from portal.kernel.actor import Actor
from portal.kernel.errors import Conflict, Invalid, NotFound
from portal.tenancy.models import Organisation
from portal.tenancy.oversight import require_staff

# Banks put blanks into numbers, and leave hyphens out.
_NUMBER = re.compile(r"(?<!\d)(20\d\d)\s?[-–/]?\s?(\d{6})(?!\d)")
MOST_BYTES = camt.MOST_BYTES
_MOST_REFERENCE, _MOST_REASON = 140, 500
_FIRST_YEAR = 2000


@dataclass(frozen=True, slots=True)
class Imported:
    """What a statement brought: receipts that are new, those of them that were matched, those that
    were known, and entries that are no receipts.
    """

    new: int
    matched: int
    known: int
    left_out: int


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
def reverse_payment(*, actor: Actor, payment: Payment, reason: str) -> Payment:
    """A payment that was none, or that the bank took back: another one takes it off, whole.

    Raises: NotPermitted, Invalid without a reason, Conflict when it is reversed, or reverses.
    """
    locked = _locked(actor, payment.invoice)
    if not reason.strip() or len(reason) > _MOST_REASON:
        raise Invalid({"reason": _("Say why.")})
    if payment.reverses_id or Payment.objects.filter(reverses=payment).exists():
        raise Conflict(_("This payment is reversed already."), hint=_("Nothing has to be done."))
    counter = Payment(
        invoice=locked,
        amount=-payment.amount,
        received_on=clock.now().date(),
        method=payment.method,
        reference=payment.reference,
        reverses=payment,
        reason=reason.strip(),
    )
    return _write(actor, "payment.reverse", counter)


@transaction.atomic
def record_refund(
    *, actor: Actor, invoice: Invoice, amount: Decimal, paid_on: date, reference: str = ""
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
        invoice=locked, amount=-amount, received_on=paid_on, reference=reference.strip()
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
    if not date(_FIRST_YEAR, 1, 1) <= day <= clock.now().date():
        found["received_on"] = _("Give the day on which it came, today at the latest.")
    if method not in Payment.Method.values:
        found["method"] = _("Choose one.")
    if len(reference) > _MOST_REFERENCE:
        found["reference"] = _("Write at most %(most)s characters.") % {"most": _MOST_REFERENCE}
    return found


def _refuse(faults: dict[str, str]) -> None:
    if faults:
        raise Invalid(faults)


# -- statements ------------------------------------------------------------------------------------


def import_statement(*, actor: Actor, content: bytes) -> Imported:
    """Takes in a CAMT.053 statement. A receipt is matched when it names invoices and its amount is
    what is left of them; all others wait for staff. The same statement again changes nothing.

    Raises: NotPermitted; Invalid when it is no such statement.
    """
    require_staff(actor)
    try:
        statement = camt.read(content)
    except camt.StatementError as error:
        raise Invalid({"statement": _statement_fault(error.code)}) from error
    new = matched = 0
    for receipt in statement.receipts:
        with transaction.atomic():
            entry = _taken_in(receipt)
            new += entry is not None
            matched += entry is not None and _match(actor, entry)
    known = len(statement.receipts) - new
    _note(actor, statement, new, matched)
    return Imported(new, matched, known, statement.left_out)


@transaction.atomic
def _note(actor: Actor, statement: camt.Statement, new: int, matched: int) -> None:
    names = sorted({receipt.statement for receipt in statement.receipts})
    after = {"receipts": len(statement.receipts), "new": new, "matched": matched}
    target = ", ".join(names)[:80]
    record(actor, "statement.import", "statement", target, chain=PROVIDER, after=after)


def _statement_fault(code: str) -> str:
    words = {
        "too-large": _("The file is larger than 5 MB. Send the statements one by one."),
        "no-xml": _("This is no XML file, or one with a document type, which is refused."),
        "no-statement": _("This is XML, but no statement in the format CAMT.053."),
        "no-amount": _("An entry has no amount or no day that can be read. Nothing was taken in."),
    }
    return words[code]


def _taken_in(receipt: camt.Receipt) -> BankEntry | None:
    """None for one that is known."""
    fields = {name: getattr(receipt, name) for name in camt.Receipt.__dataclass_fields__}
    digest = fields.pop("digest")
    defaults = {**fields, "public_id": ids.public_id("be"), "imported_at": clock.now()}
    entry, is_new = BankEntry.objects.get_or_create(digest=digest, defaults=defaults)
    return entry if is_new else None


def _match(actor: Actor, entry: BankEntry) -> bool:
    """All invoices that it names, when it is for what is left of them together."""
    owners = named_by(entry).values("organisation")
    list(Organisation.objects.select_for_update().filter(pk__in=owners).order_by("pk"))
    named = list(named_by(entry).select_for_update(of=("self",)).order_by("pk"))
    left = {invoice.pk: standing(invoice).left for invoice in named}
    fits = bool(named) and all(rest > 0 for rest in left.values())
    if not fits or sum(left.values()) != entry.amount or entry.currency != named[0].currency:
        return False
    for invoice in named:
        _pay(actor, entry, invoice, left[invoice.pk])
    return True


def named_by(entry: BankEntry) -> QuerySet[Invoice]:
    """Issued invoices whose numbers its text names."""
    numbers = {f"{year}-{number}" for year, number in _NUMBER.findall(entry.text)}
    rows = Invoice.objects.filter(number__in=numbers, kind=Kind.INVOICE)
    return rows.select_related("organisation").defer("document")


def _pay(actor: Actor, entry: BankEntry, invoice: Invoice, amount: Decimal) -> Payment:
    return record_payment(
        actor=actor,
        invoice=invoice,
        amount=amount,
        received_on=entry.booked_on,
        reference=entry.text[:_MOST_REFERENCE],
        entry=entry,
    )


def unmatched(actor: Actor) -> QuerySet[BankEntry]:
    """Receipts that wait for staff, oldest first. Raises: NotPermitted."""
    require_staff(actor)
    live = Payment.objects.filter(entry=OuterRef("pk"), reversed_by__isnull=True)
    rows = BankEntry.objects.filter(~Exists(live), set_aside="")
    return rows.order_by("booked_on", "pk")


@transaction.atomic
def assign_entry(*, actor: Actor, entry: BankEntry, number: str) -> Payment:
    """The whole of a receipt is for the invoice `number`.

    Raises: NotPermitted, Invalid, Conflict.
    """
    waiting = _waiting(actor, entry)
    invoice = Invoice.objects.filter(number=number.strip(), kind=Kind.INVOICE).first()
    if invoice is None:
        raise Invalid({"number": _("There is no invoice with this number.")})
    if invoice.currency != waiting.currency:
        raise Invalid({"number": _("The invoice is in another currency.")})
    return _pay(actor, waiting, invoice, waiting.amount)


@transaction.atomic
def set_entry_aside(*, actor: Actor, entry: BankEntry, reason: str) -> BankEntry:
    """A receipt that is for no invoice. Raises: NotPermitted, Invalid, Conflict."""
    waiting = _waiting(actor, entry)
    if not reason.strip() or len(reason) > 200:
        raise Invalid({"reason": _("Say what it is, in at most 200 characters.")})
    waiting.set_aside = reason.strip()
    waiting.save(update_fields=["set_aside"])
    after = {"amount": f"{waiting.amount:f}"}
    entry_id = waiting.public_id
    record(
        actor,
        "statement.set_aside",
        "statement",
        entry_id,
        chain=PROVIDER,
        after=after,
        reason=reason,
    )
    return waiting


def _waiting(actor: Actor, entry: BankEntry) -> BankEntry:
    require_staff(actor)
    locked = BankEntry.objects.select_for_update().get(pk=entry.pk)
    if not unmatched(actor).filter(pk=locked.pk).exists():
        raise Conflict(
            _("Somebody has dealt with this receipt already."), hint=_("See the list anew.")
        )
    return locked


# -- reads for staff -------------------------------------------------------------------------------


def entry_for(actor: Actor, public_id: str) -> BankEntry:
    """Raises: NotPermitted, NotFound."""
    require_staff(actor)
    found = BankEntry.objects.filter(public_id=public_id).first()
    if found is None:
        raise NotFound(_("There is no such receipt."), hint=_("See the list of payments."))
    return found


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


def suggested(entries: Iterable[BankEntry]) -> dict[int, str]:
    """By entry: the number of an invoice that its text names, for the form to offer."""
    found = {
        entry.pk: named_by(entry).values_list("number", flat=True).first() for entry in entries
    }
    return {key: number for key, number in found.items() if number}
