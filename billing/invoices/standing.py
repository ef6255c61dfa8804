"""What is left of an invoice: what it asks for, less credit notes, less payments.

An invoice that is credited whole by several notes may differ from their sum by cents, since each
document rounds its VAT: what is credited net is what counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any

from django.db.models import DecimalField, F, OuterRef, Q, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from billing.einvoice.document import Kind
from billing.models import Invoice, Payment
from portal.kernel import clock

_NOTHING = Decimal(0)
_MONEY: DecimalField[Decimal, Decimal] = DecimalField(max_digits=14, decimal_places=2)


class State(StrEnum):
    """CREDITED: nothing was paid and nothing is left to pay."""

    DRAFT = "draft"
    OPEN = "open"
    PART_PAID = "part_paid"
    PAID = "paid"
    OVERPAID = "overpaid"
    CREDITED = "credited"
    NOTE = "credit_note"


@dataclass(frozen=True, slots=True)
class Standing:
    """`left` is negative where money has to go back. `days_late` counts from the due day, and is 0
    where nothing is left or it is not due yet.
    """

    state: State
    gross: Decimal
    credited: Decimal
    paid: Decimal
    left: Decimal
    due_on: date | None
    days_late: int


def with_sums(rows: QuerySet[Invoice]) -> QuerySet[Invoice]:
    """The same rows with what `standing` adds up, in their own query."""
    notes = Invoice.objects.filter(corrects=OuterRef("pk"), status=Invoice.Status.ISSUED)
    paid = Payment.objects.filter(invoice=OuterRef("pk"))
    found: QuerySet[Invoice] = rows.annotate(
        paid_sum=_sum(paid, "invoice", "amount"),
        credited_gross=_sum(notes, "corrects", "gross"),
        credited_net=_sum(notes, "corrects", "net"),
    )
    return found


def _sum(rows: QuerySet[Invoice] | QuerySet[Payment], by: str, field: str) -> Coalesce:
    sums = rows.order_by().values(by).annotate(of_all=Sum(field)).values("of_all")
    return Coalesce(Subquery(sums, output_field=_MONEY), Value(_NOTHING), output_field=_MONEY)


def standing(row: Invoice) -> Standing:
    """Of a row that `with_sums` made; of another one at the price of a query."""
    sums: Any = row
    if not hasattr(row, "paid_sum"):
        sums = with_sums(Invoice.objects.filter(pk=row.pk)).defer("document").get()
    paid: Decimal = sums.paid_sum
    wholly = sums.credited_net >= row.net and sums.credited_gross > 0
    credited: Decimal = row.gross if wholly else sums.credited_gross
    is_asked = row.kind == Kind.INVOICE and row.status == Invoice.Status.ISSUED
    left = row.gross - credited - paid if is_asked else _NOTHING
    late = (clock.now().date() - row.due_on).days if row.due_on and left > 0 else 0
    state = _state(row, paid, credited, left)
    return Standing(state, row.gross, credited, paid, left, row.due_on, max(late, 0))


def _state(row: Invoice, paid: Decimal, credited: Decimal, left: Decimal) -> State:
    if row.status == Invoice.Status.DRAFT:
        return State.DRAFT
    if row.kind != Kind.INVOICE:
        return State.NOTE
    if left < 0:
        return State.OVERPAID
    if left > 0:
        return State.PART_PAID if paid else State.OPEN
    return State.CREDITED if credited and not paid else State.PAID


def open_items() -> QuerySet[Invoice]:
    """Issued invoices of which something is left, or too much was paid; the longest due first."""
    settled = Q(_WHOLLY, paid_sum=0) | Q(~_WHOLLY, rest=0)
    found: QuerySet[Invoice] = _with_rest().exclude(settled)
    return found.select_related("organisation").defer("document").order_by("due_on", "pk")


def overdue() -> QuerySet[Invoice]:
    """Those of which something is left after the due day."""
    rows: Any = open_items()
    found: QuerySet[Invoice] = rows.filter(_LEFT, due_on__lt=clock.now().date())
    return found


def sums_left() -> tuple[Decimal, Decimal]:
    """What is left of all invoices, and of those that are overdue."""
    rows = _with_rest().filter(_LEFT).order_by()
    late = Sum("rest", filter=Q(due_on__lt=clock.now().date()))
    found = rows.aggregate(all=Sum("rest"), late=late)
    return found["all"] or _NOTHING, found["late"] or _NOTHING


def _with_rest() -> Any:
    rows = Invoice.objects.filter(kind=Kind.INVOICE, status=Invoice.Status.ISSUED)
    return with_sums(rows).annotate(rest=F("gross") - F("credited_gross") - F("paid_sum"))


_WHOLLY = Q(credited_gross__gt=0, credited_net__gte=F("net"))
_LEFT = Q(~_WHOLLY, rest__gt=0)


def state_label(state: str) -> str:
    words = {
        State.DRAFT: _("Draft"),
        State.OPEN: _("Open"),
        State.PART_PAID: _("Paid in part"),
        State.PAID: _("Paid"),
        State.OVERPAID: _("Overpaid"),
        State.CREDITED: _("Credited"),
        State.NOTE: _("Credit note"),
    }
    return words[State(state)]
