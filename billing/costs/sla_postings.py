"""Where credits for broken promises stand: in the month that they are for, or in a later one that
is open. What an invoice has no room for moves on to the next, so that none comes to less than
nothing and no credit is lost.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from billing.costs.posting import Category, Posting, post, withdraw
from billing.metering.plantime import last_day, month_bounds
from billing.models import CostLine, RatedMonth
from portal.tenancy.models import Organisation
from services.instances.models import Instance

KIND = "sla"


def prefix_of(month: date) -> str:
    """What references of credits for `month` begin with."""
    return f"{KIND}:{month:%Y-%m}:"


def reference_of(instance: Instance, month: date, booked: date) -> str:
    """Of the credit for `month` that stands in the month `booked`."""
    late = f":{booked:%Y-%m}" if booked != month else ""
    return f"{prefix_of(month)}{instance.public_id}{late}"


def about(instance: Instance, month: date) -> dict[str, str]:
    """The parameters of its text."""
    return {"instance": f"{instance.name} ({instance.public_id})", "month": f"{month:%Y-%m}"}


def post_credit(
    organisation: Organisation, instance: Instance, month: date, booked: date, amount: Decimal
) -> None:
    """In place of what stands there. Raises: Conflict when the month `booked` is closed."""
    post(
        Posting(
            organisation=organisation,
            day=last_day(booked),
            category=Category.CREDIT,
            amount=-amount,
            reference=reference_of(instance, month, booked),
            about=about(instance, month),
            instance=instance,
        )
    )


def open_month(organisation: Organisation, month: date) -> date:
    """`month`, or the first after it that is not closed."""
    closed = RatedMonth.objects.filter(
        organisation=organisation, month__gte=month, closed_at__isnull=False
    )
    known = set(closed.values_list("month", flat=True))
    while month in known:
        month = month_bounds(month)[1].date()
    return month


def move_on(organisation: Organisation, month: date, amount: Decimal | None = None) -> Decimal:
    """Moves `amount` of the credits that stand in the open `month`, or all of them, to the next one
    that is open. Returns how much that was: no more than stands there.
    """
    moved = Decimal(0)
    for line in _standing_in(organisation, month):
        rest = -line.billed_cost if amount is None else min(amount - moved, -line.billed_cost)
        if rest <= 0:
            break
        _move(organisation, line, month, rest)
        moved += rest
    return moved


def _standing_in(organisation: Organisation, month: date) -> list[CostLine]:
    """The latest first: what is owed the longest is given first."""
    start, end = month_bounds(month)
    rows = CostLine.objects.filter(
        organisation=organisation,
        category=CostLine.Category.CREDIT,
        reference__startswith=f"{KIND}:",
        day__gte=start.date(),
        day__lt=end.date(),
    )
    return list(rows.select_related("instance__project", "instance__region").order_by("-reference"))


def _move(organisation: Organisation, line: CostLine, month: date, amount: Decimal) -> None:
    instance = line.instance
    if instance is None:  # the posting of a credit names it
        raise ValueError(f"{line.reference} names no instance")
    owed_for = date.fromisoformat(f"{line.reference.split(':')[1]}-01")
    following = open_month(organisation, month_bounds(month)[1].date())
    left = -line.billed_cost - amount
    if left:
        post_credit(organisation, instance, owed_for, month, left)
    else:
        withdraw(line.reference)
    there = CostLine.objects.filter(reference=reference_of(instance, owed_for, following)).first()
    before = -there.billed_cost if there else Decimal(0)
    post_credit(organisation, instance, owed_for, following, before + amount)
