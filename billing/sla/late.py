"""Credits for broken promises that no credit note could give: where staff looks for them.

Each stands as a cost line in the first month that was open then, and is paid out by that month's
invoice (`billing.costs.sla_postings`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from billing.costs.sla_postings import KIND
from billing.models import CostLine, Invoice
from portal.kernel.actor import Actor
from portal.tenancy.models import Organisation
from portal.tenancy.oversight import require_staff
from services.instances.models import Instance

MOST = 50


@dataclass(frozen=True, slots=True)
class LateCredit:
    """`amount` is owed for `month`, whose invoice has the number `invoice` (empty where there is
    none), and stands in `booked`, whose invoice is `given_on` once it is issued.
    """

    organisation: Organisation
    instance: Instance
    month: date
    amount: Decimal
    booked: date
    invoice: str
    given_on: str


def late_credits(actor: Actor) -> list[LateCredit]:
    """The newest, `MOST` at most. Three queries. Raises: NotPermitted."""
    require_staff(actor)
    lines = list(
        CostLine.objects.filter(
            category=CostLine.Category.CREDIT, reference__regex=rf"^{KIND}:[^:]+:[^:]+:[^:]+$"
        )
        .exclude(reference="")  # so that the index of references serves
        .select_related("organisation", "instance")
        .order_by("-day", "-pk")[:MOST]
    )
    numbers = _numbers(lines)
    made = []
    for line in lines:
        if line.instance is None:  # the posting of a credit names it
            raise ValueError(f"{line.reference} names no instance")
        said, booked = line.reference.split(":"), line.day.replace(day=1)
        month = date.fromisoformat(f"{said[1]}-01")
        made.append(
            LateCredit(
                organisation=line.organisation,
                instance=line.instance,
                month=month,
                amount=-line.billed_cost,
                booked=booked,
                invoice=numbers.get((line.organisation_id, month), ""),
                given_on=numbers.get((line.organisation_id, booked), ""),
            )
        )
    return made


def _numbers(lines: Sequence[CostLine]) -> dict[tuple[int, date], str]:
    rows = Invoice.objects.filter(
        organisation__in={line.organisation_id for line in lines},
        kind="380",
        status=Invoice.Status.ISSUED,
        number__isnull=False,
    )
    listed = rows.values_list("organisation_id", "month", "number")
    return {(key, month): number or "" for key, month, number in listed}
