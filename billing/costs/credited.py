"""Whether an invoice is credited whole by somebody's decision: then its buyer has all of it back,
and what its month turns out to have used less is not given back once more.

A note that corrections wrote decides nothing: where it takes the last that was left of an invoice,
corrections after it are carried over as before.

Source: shared design, billing 1.2 (close).
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from billing.costs.closing import NOTE
from billing.einvoice.document import Kind
from billing.models import CostLine, Invoice


def invoice_of(organisation: int, month: date) -> Invoice | None:
    """What is issued of a calendar month."""
    rows = Invoice.objects.filter(organisation=organisation, month=month, kind=Kind.INVOICE)
    return rows.filter(status=Invoice.Status.ISSUED).first()


def is_credited_whole(organisation: int, month: date) -> bool:
    """Whether nothing is left of the month's invoice, and the last of it was no correction. False
    where it has no credit notes: what credit paid for is not credited.
    """
    invoice = invoice_of(organisation, month)
    if invoice is None:
        return False
    notes = list(invoice.corrections.filter(status=Invoice.Status.ISSUED).order_by("pk"))
    credited = sum((note.net for note in notes), Decimal(0))
    return bool(notes) and credited >= invoice.net and not _is_of_corrections(notes[-1])


def _is_of_corrections(note: Invoice) -> bool:
    """Whether it took usage over (`billing.credit_notes.costs.take_over`); no other note has
    any.
    """
    rows = CostLine.objects.filter(organisation=note.organisation_id, is_correction=True)
    return rows.filter(category=CostLine.Category.USAGE, **{f"about__{NOTE}": note.number}).exists()
