"""What an invoice stands at, as tenants and staff see it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from billing.dunning.steps import announced_suspension
from billing.invoices.standing import State, standing, state_label

if TYPE_CHECKING:
    from billing.models import Invoice

_LOOKS = {
    State.OPEN: "busy",
    State.PART_PAID: "degraded",
    State.PAID: "ok",
    State.OVERPAID: "degraded",
    State.CREDITED: "ok",
}


@dataclass(frozen=True, slots=True)
class Owed:
    """`look` is the class of the badge, `late` says for how long it is overdue."""

    state: str
    look: str
    words: str
    due_on: date | None
    left: Decimal
    paid: Decimal
    credited: Decimal
    late: str

    @property
    def is_asked(self) -> bool:
        """Whether it is an issued invoice, no draft and no credit note."""
        return self.state not in (State.DRAFT, State.NOTE)

    @property
    def back(self) -> Decimal:
        """What was paid too much."""
        return max(-self.left, Decimal(0))


def suspension_on(row: Invoice, stands: Owed) -> date | None:
    """When the organisation will be suspended for it, where that was announced and still holds."""
    return announced_suspension(row) if stands.late else None


def owed(row: Invoice) -> Owed:
    found = standing(row)
    days = found.days_late
    return Owed(
        state=found.state,
        look="bad" if days else _LOOKS.get(found.state, ""),
        words=_("Overdue") if days else state_label(found.state),
        due_on=found.due_on if found.left > 0 else None,
        left=found.left,
        paid=found.paid,
        credited=found.credited,
        late=ngettext("%(n)d day late", "%(n)d days late", days) % {"n": days} if days else "",
    )
