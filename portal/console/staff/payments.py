"""Payments as staff sees them: what is open, receipts that wait, and the account of an invoice."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.core.paginator import Paginator
from django.urls import reverse
from django.utils.translation import gettext as _

from billing.credit_notes import actions as credit_notes
from billing.dunning import holds, suspension
from billing.dunning import steps as dunning
from billing.dunning.texts import step_label
from billing.einvoice.stored import from_json
from billing.payments import actions as payments
from billing.payments import bank_entries
from portal.console.owed import owed
from portal.console.staff.typed import amount, needed_amount, needed_day
from portal.kernel import clock
from portal.kernel.actor import Actor
from portal.kernel.errors import NotFound
from portal.tenancy import oversight

if TYPE_CHECKING:
    from billing.models import BankEntry, Invoice

_PER_PAGE = 50
_ENTRIES = 20
_STEPS = 20


def overview(actor: Actor, page: str | None) -> dict[str, Any]:
    """Context of console/staff/payments.html."""
    left, late = payments.sums_for(actor)
    waiting = bank_entries.unmatched(actor)
    entries = list(waiting[:_ENTRIES])
    numbers = bank_entries.suggested(entries)
    found = Paginator(payments.open_items_for(actor), _PER_PAGE).get_page(page)
    return {
        "left": left,
        "late": late,
        "waiting": waiting.count(),
        "entries": [
            (entry, numbers.get(entry.pk, ""), bank_entries.why_returned(entry))
            for entry in entries
        ],
        "found": found,
        "rows": [(row, owed(row)) for row in found],
    }


def reminders(actor: Actor, page: str | None) -> dict[str, Any]:
    """Context of console/staff/reminders.html: what happens next, and what was done."""
    today = clock.now().date()
    found = Paginator(dunning.planned(actor), _PER_PAGE).get_page(page)
    given = dunning.rules()
    return {
        "rules": given,
        "found": found,
        "rows": [
            (
                invoice,
                step_label(step.kind, step.level),
                max(step.on, today),
                step,
                owed(invoice),
                dunning.hold_of(invoice),
            )
            for invoice, step in found
        ],
        "today": today,
        "to_suspend": suspension.to_suspend(actor),
        "taken": [
            (step, step_label(step.kind, step.level)) for step in dunning.taken(actor)[:_STEPS]
        ],
    }


def suspend(actor: Actor, slug: str) -> object:
    """Raises: NotFound, Conflict."""
    organisation = oversight.organisation(actor, slug, seen="billing")
    return suspension.suspend(actor=actor, organisation=organisation)


def deal_with(actor: Actor, entry: BankEntry, sent: Mapping[str, str]) -> object:
    """What the form of a receipt asks for. Raises: Invalid, Conflict."""
    if sent.get("what") == "aside":
        reason = sent.get("reason", "")
        return bank_entries.set_entry_aside(actor=actor, entry=entry, reason=reason)
    return bank_entries.assign_entry(actor=actor, entry=entry, number=sent.get("number", ""))


def account(
    actor: Actor,
    invoice: Invoice,
    sent: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Context of console/staff/payments_invoice.html."""
    lines = from_json(invoice.document).lines
    typed, stands = sent or {}, owed(invoice)
    labels = payments.method_labels()
    return {
        "invoice": invoice,
        "owed": stands,
        "asked": f"{stands.left:f}" if stands.left > 0 else "",
        "back": f"{stands.back:f}",
        "payments": [(row, labels[row.method]) for row in payments.payments_of(invoice)],
        "notes": credit_notes.notes_of(invoice),
        "creditable": sum(credit_notes.left_of(invoice).values(), Decimal(0)),
        "hold": dunning.hold_of(invoice),
        "steps": [(row, step_label(row.kind, row.level)) for row in dunning.steps_of(invoice)],
        "lines": [
            (n, line, typed.get(f"line-{n}", ""), (errors or {}).get(f"line-{n}", ""))
            for n, line in enumerate(lines, 1)
            if line.net > 0
        ],
        "methods": labels.items(),
        "today": clock.now().date(),
        "crumbs": [(_("Payments"), reverse("console:staff-payments"))],
        "sent": typed,
        "errors": errors or {},
        "faults": {typed.get("what", ""): errors or {}},
    }


def act(actor: Actor, invoice: Invoice, what: str, sent: Mapping[str, str]) -> object:
    """What a form of the account asks for. Raises: NotFound, Invalid, Conflict."""
    reason = sent.get("reason", "")
    match what:
        case "payment":
            return _receive(actor, invoice, sent)
        case "refund":
            return _pay_back(actor, invoice, sent)
        case "reverse":
            payment = payments.payment_for(actor, sent.get("payment", ""))
            return payments.reverse_payment(actor=actor, payment=payment, reason=reason)
        case "hold":
            until = needed_day(sent, "until")
            return holds.hold_invoice(actor=actor, invoice=invoice, until=until, reason=reason)
        case "release":
            return holds.end_hold(actor=actor, invoice=invoice)
        case "whole":
            return credit_notes.credit_whole(actor=actor, invoice=invoice, reason=reason)
        case "amount":
            net = needed_amount(sent, "net")
            return credit_notes.credit_amount(
                actor=actor, invoice=invoice, amount=net, reason=reason
            )
        case "lines":
            amounts = _amounts(sent)
            return credit_notes.credit_lines(
                actor=actor, invoice=invoice, amounts=amounts, reason=reason
            )
    raise NotFound(_("There is no such form."))


def _receive(actor: Actor, invoice: Invoice, sent: Mapping[str, str]) -> object:
    return payments.record_payment(
        actor=actor,
        invoice=invoice,
        amount=needed_amount(sent, "amount"),
        received_on=needed_day(sent, "received_on"),
        method=sent.get("method", ""),
        reference=sent.get("reference", ""),
    )


def _pay_back(actor: Actor, invoice: Invoice, sent: Mapping[str, str]) -> object:
    return payments.record_refund(
        actor=actor,
        invoice=invoice,
        amount=needed_amount(sent, "amount"),
        paid_on=needed_day(sent, "received_on"),
    )


def _amounts(sent: Mapping[str, str]) -> dict[int, Decimal]:
    """Of fields `line-N`; what is empty is not credited."""
    names = [name for name in sent if name.startswith("line-") and name[5:].isdecimal()]
    found = {int(name[5:]): amount(sent, name) for name in names}
    return {number: net for number, net in found.items() if net is not None}
