"""What a bank's statement tells, matched with invoices: receipts, payments that it took back, and
what was paid back. What is not matched waits for staff; nothing is dropped.

A receipt that names invoices and is what is left of them pays them. What the bank took back is
matched with the payment, or the payments of one receipt, of the invoices that it names: these are
reversed, and the invoices are open again. It is of nothing that came later, and staff may have told
of it before the statement did. What went out for an invoice, or a credit note of it, that was paid
too much is a refund.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _

from billing.einvoice.document import Kind
from billing.invoices.standing import standing
from billing.models import BankEntry, Invoice, Payment
from billing.payments import camt
from billing.payments.actions import can_have_come, record_payment, record_refund, reverse_payment
from portal.audit.actions import PROVIDER, record
from portal.kernel import clock, ids
from portal.kernel.actor import Actor
from portal.kernel.errors import Conflict, Invalid, NotFound
from portal.tenancy.models import Organisation
from portal.tenancy.oversight import require_staff

# Banks put blanks into numbers, and leave hyphens out.
_NUMBER = re.compile(r"(?<!\d)(20\d\d)\s?[-–/]?\s?(\d{6})(?!\d)")
MOST_BYTES = camt.MOST_BYTES
_MOST_REFERENCE, _MOST_ASIDE = 140, 200
_DEBIT = BankEntry.Direction.DEBIT


@dataclass(frozen=True, slots=True)
class Imported:
    """What a statement brought: entries that are new, those of them that were matched, those that
    were known, and those that are not booked yet.
    """

    new: int
    matched: int
    known: int
    left_out: int


def import_statement(*, actor: Actor, content: bytes) -> Imported:
    """Takes in a CAMT.053 statement. The same statement again changes nothing.

    Raises: NotPermitted; Invalid when it is no such statement.
    """
    require_staff(actor)
    try:
        statement = camt.read(content)
    except camt.StatementError as error:
        raise Invalid({"statement": _statement_fault(error.code)}) from error
    new = matched = 0
    for told in statement.entries:
        with transaction.atomic():
            entry = _taken_in(told)
            new += entry is not None
            matched += entry is not None and _match(actor, entry)
    known = len(statement.entries) - new
    _note(actor, statement, new, matched)
    return Imported(new, matched, known, statement.left_out)


@transaction.atomic
def _note(actor: Actor, statement: camt.Statement, new: int, matched: int) -> None:
    names = sorted({entry.statement for entry in statement.entries})
    after = {"entries": len(statement.entries), "new": new, "matched": matched}
    target = ", ".join(names)[:80]
    record(actor, "statement.import", "statement", target, chain=PROVIDER, after=after)


def _statement_fault(code: str) -> str:
    words = {
        "too-large": _("The file is larger than 5 MB. Send the statements one by one."),
        "no-xml": _("This is no XML file, or one with a document type, which is refused."),
        "no-statement": _("This is XML, but no statement in the format CAMT.053."),
        "no-direction": _(
            "An entry does not say whether money came or went. Nothing was taken in."
        ),
        "no-amount": _("An entry has no amount or no day that can be read. Nothing was taken in."),
        "too-much": _("An entry has an amount that is too large. Nothing was taken in."),
    }
    return words[code]


def _taken_in(told: camt.Told) -> BankEntry | None:
    """None for one that is known."""
    fields = {name: getattr(told, name) for name in camt.Told.__dataclass_fields__}
    digest = fields.pop("digest")
    defaults = {**fields, "public_id": ids.public_id("be"), "imported_at": clock.now()}
    entry, is_new = BankEntry.objects.get_or_create(digest=digest, defaults=defaults)
    return entry if is_new else None


# -- matching --------------------------------------------------------------------------------------


def _match(actor: Actor, entry: BankEntry) -> bool:
    if not can_have_come(entry.booked_on):  # a payment of that day would be refused
        return False
    owners = named_by(entry).values("organisation")
    list(Organisation.objects.select_for_update().filter(pk__in=owners).order_by("pk"))
    named = list(named_by(entry).select_for_update(of=("self",)).order_by("pk"))
    if not named or any(invoice.currency != entry.currency for invoice in named):
        return False
    if entry.direction == _DEBIT:
        if entry.returned:
            return _take_back(actor, entry, named)
        return _pay_back(actor, entry, named)
    # What comes back of what was paid out is for staff to judge.
    return not entry.returned and _receive(actor, entry, named)


def _receive(actor: Actor, entry: BankEntry, named: list[Invoice]) -> bool:
    """All invoices that it names, when it is for what is left of them together."""
    left = {invoice.pk: standing(invoice).left for invoice in named}
    if not all(rest > 0 for rest in left.values()) or sum(left.values()) != entry.amount:
        return False
    for invoice in named:
        _pay(actor, entry, invoice, left[invoice.pk])
    return True


def _take_back(actor: Actor, entry: BankEntry, named: list[Invoice]) -> bool:
    """The payments of one receipt, when one receipt alone has its amount, and none of that amount
    was reversed by hand: that may be the same.
    """
    came = Payment.objects.filter(
        invoice__in=named, amount__gt=0, reverses__isnull=True, received_on__lte=entry.booked_on
    )
    by_hand = came.filter(reversed_by__isnull=False, reversed_by__entry__isnull=True)
    live = _of_amount(entry, came.filter(reversed_by__isnull=True))
    fitting = [found for found in live if not _has_others(found)]
    if len(fitting) != 1 or _of_amount(entry, by_hand):
        return False
    for payment in fitting[0]:
        _reverse(actor, entry, payment)
    return True


def _of_amount(entry: BankEntry, rows: QuerySet[Payment]) -> list[list[Payment]]:
    """The payments of each receipt that has its amount, with or without charges."""
    together: dict[str, list[Payment]] = {}
    for payment in rows.select_related("invoice__organisation").order_by("pk"):
        key = f"entry {payment.entry_id}" if payment.entry_id else f"payment {payment.pk}"
        together.setdefault(key, []).append(payment)
    amounts = {entry.amount, entry.original or entry.amount}
    return [
        found
        for found in together.values()
        if sum((payment.amount for payment in found), Decimal(0)) in amounts
    ]


def _has_others(found: list[Payment]) -> bool:
    """Whether the receipt also paid invoices that are not named."""
    entry = found[0].entry_id
    keys = {payment.pk for payment in found}
    rows = Payment.objects.filter(entry=entry, reverses__isnull=True, reversed_by__isnull=True)
    return entry is not None and rows.exclude(pk__in=keys).exists()


def _reverse(actor: Actor, entry: BankEntry, payment: Payment) -> Payment:
    reason = _("Taken back by the bank: %(code)s") % {"code": entry.returned or "—"}
    return reverse_payment(actor=actor, payment=payment, reason=reason, entry=entry)


def _pay_back(actor: Actor, entry: BankEntry, named: list[Invoice]) -> bool:
    """One invoice, when that much was paid too much of it."""
    if len(named) != 1 or entry.amount > -standing(named[0]).left:
        return False
    _refund(actor, entry, named[0])
    return True


def _refund(actor: Actor, entry: BankEntry, invoice: Invoice) -> Payment:
    return record_refund(
        actor=actor,
        invoice=invoice,
        amount=entry.amount,
        paid_on=entry.booked_on,
        reference=entry.text[:_MOST_REFERENCE],
        entry=entry,
    )


def named_by(entry: BankEntry) -> QuerySet[Invoice]:
    """Issued invoices whose numbers its text names, or numbers of their credit notes where it is
    about money that went out.
    """
    numbers = {f"{year}-{number}" for year, number in _NUMBER.findall(entry.text)}
    named = Q(number__in=numbers)
    if entry.direction == _DEBIT:
        notes = Invoice.objects.filter(number__in=numbers, kind=Kind.CREDIT_NOTE)
        named |= Q(pk__in=notes.values("corrects"))
    rows = Invoice.objects.filter(named, kind=Kind.INVOICE)
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


# -- what waits for staff --------------------------------------------------------------------------


def unmatched(actor: Actor) -> QuerySet[BankEntry]:
    """Entries that wait for staff, oldest first: no payment names them, or one that staff reversed.
    Raises: NotPermitted.
    """
    require_staff(actor)
    by_bank = Q(reversed_by__isnull=True) | Q(reversed_by__entry__isnull=False)
    live = Payment.objects.filter(by_bank, entry=OuterRef("pk"))
    rows = BankEntry.objects.filter(~Exists(live), set_aside="")
    return rows.order_by("booked_on", "pk")


@transaction.atomic
def assign_entry(*, actor: Actor, entry: BankEntry, number: str) -> Payment:
    """The whole of an entry is for the invoice `number`: a receipt pays it; what went out reverses
    a payment of that amount, or is a refund of what was paid too much.

    Raises: NotPermitted, Invalid, Conflict.
    """
    waiting = _waiting(actor, entry)
    invoice = Invoice.objects.filter(number=number.strip(), kind=Kind.INVOICE).first()
    if invoice is None:
        raise Invalid({"number": _("There is no invoice with this number.")})
    if invoice.currency != waiting.currency:
        raise Invalid({"number": _("The invoice is in another currency.")})
    if waiting.direction != _DEBIT:
        return _pay(actor, waiting, invoice, waiting.amount)
    amounts = {waiting.amount, waiting.original or waiting.amount}
    paid = invoice.payments.filter(
        amount__in=amounts,
        reverses__isnull=True,
        reversed_by__isnull=True,
        received_on__lte=waiting.booked_on,
    ).order_by("-received_on", "-pk")
    payment = paid.select_related("invoice__organisation").first()
    is_refund = waiting.amount <= -standing(invoice).left
    if payment is not None and (waiting.returned or not is_refund):
        return _reverse(actor, waiting, payment)
    return _refund(actor, waiting, invoice)


@transaction.atomic
def set_entry_aside(*, actor: Actor, entry: BankEntry, reason: str) -> BankEntry:
    """An entry that is for no invoice. Raises: NotPermitted, Invalid, Conflict."""
    waiting = _waiting(actor, entry)
    if not reason.strip() or len(reason) > _MOST_ASIDE:
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


def entry_for(actor: Actor, public_id: str) -> BankEntry:
    """Raises: NotPermitted, NotFound."""
    require_staff(actor)
    found = BankEntry.objects.filter(public_id=public_id).first()
    if found is None:
        raise NotFound(_("There is no such receipt."), hint=_("See the list of payments."))
    return found


def why_returned(entry: BankEntry) -> str:
    """In words, as far as the code is a common one; empty for what was not taken back."""
    words = {
        "AC04": _("the account is closed"),
        "AC06": _("the account is blocked"),
        "AM04": _("the account has too little money"),
        "MD01": _("there is no mandate"),
        "MD06": _("the payer wants it back"),
        "MS02": _("the payer refused it"),
        "RVSL": _("no reason is told"),
    }
    return words.get(entry.returned, entry.returned)


def suggested(entries: Iterable[BankEntry]) -> dict[int, str]:
    """By entry: the number of an invoice that its text names, for the form to offer."""
    found = {
        entry.pk: named_by(entry).values_list("number", flat=True).first() for entry in entries
    }
    return {key: number for key, number in found.items() if number}
