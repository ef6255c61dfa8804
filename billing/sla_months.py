"""The SLA of a month: settled when it is over, its credits posted by themselves.

A month is settled before each draft of its invoice, and again after it was issued, since minutes
may become known late. The credit of an open month stands in that month; what is owed beyond an
issued invoice is credited in the first month that is still open. Settling again changes nothing.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal

from django.db import transaction

from billing import sla_facts
from billing.models import CostLine, RatedMonth, SlaMonth
from billing.plantime import month_bounds
from billing.posting import Category, Posting, post, withdraw
from billing.sla import Credit, Measured, credit_for, measure
from portal.kernel import clock
from portal.tenancy.models import Organisation
from services.instances.models import Instance

_NOTHING = Decimal(0)
KIND = "sla"
_LATE = timedelta(days=60)  # after the end of a month: what becomes known later changes nothing
_KEY = ("instance", "month")
_MEASURED = (
    "target",
    "expected",
    "excluded",
    "unknown",
    "bad",
    "within",
    "windows",
    "slow",
)
_FIELDS = (*_MEASURED, "outages", "for_time", "for_speed", "cost", "amount", "settled_at")


@transaction.atomic
def settle(organisation: Organisation, month: date) -> Decimal:
    """Measures a month that is over and posts its credits. What they come to, in cents.

    Raises: ValueError when the month is not over.
    """
    if clock.now() < month_bounds(month)[1]:
        raise ValueError(f"{month:%Y-%m} is not over")
    rows = Instance.objects.filter(project__organisation=organisation)
    made, booking = [], _Booking(organisation, month)
    for subject in sla_facts.subjects(organisation, month, rows):
        measured = measure(subject.facts)
        credit = credit_for(measured, subject.cost)
        made.append(_row(organisation, subject.instance, month, measured, credit))
        booking.bring_to(subject.instance, credit.amount)
    SlaMonth.objects.bulk_create(
        made, update_conflicts=True, unique_fields=_KEY, update_fields=_FIELDS, batch_size=1000
    )
    return sum((row.amount for row in made), _NOTHING)


def settle_late() -> int:
    """Measures issued months again for a while. How many months of organisations there were."""
    now = clock.now()
    rows = RatedMonth.objects.filter(
        month__gte=(now - _LATE).date().replace(day=1),
        month__lt=now.date().replace(day=1),
        closed_at__isnull=False,
    )
    count = 0
    for row in rows.select_related("organisation").iterator(chunk_size=500):
        settle(row.organisation, row.month)
        count += 1
    return count


def _row(
    organisation: Organisation,
    instance: Instance,
    month: date,
    measured: Measured,
    credit: Credit,
) -> SlaMonth:
    return SlaMonth(
        organisation=organisation,
        instance=instance,
        month=month,
        outages=[list(outage) for outage in measured.outages],
        for_time=credit.for_time,
        for_speed=credit.for_speed,
        cost=credit.cost,
        amount=credit.amount,
        settled_at=clock.now(),
        **{name: getattr(measured, name) for name in _MEASURED},
    )


class _Booking:
    """Where the credits of an organisation's month stand. Two queries, and more where one
    changes.
    """

    def __init__(self, organisation: Organisation, month: date) -> None:
        self.organisation, self.month = organisation, month
        closed = RatedMonth.objects.filter(
            organisation=organisation, month__gte=month, closed_at__isnull=False
        )
        self.closed = set(closed.values_list("month", flat=True))
        self.lines: dict[str, list[CostLine]] = defaultdict(list)
        for line in credited(organisation, month):
            self.lines[instance_of(line)].append(line)

    def bring_to(self, instance: Instance, owed: Decimal) -> None:
        """Brings what is credited to `owed`. What an issued invoice gave is not taken back."""
        lines = self.lines[instance.public_id]
        given = -sum((line.billed_cost for line in lines if self._is_closed(line)), _NOTHING)
        loose = [line for line in lines if not self._is_closed(line)]
        if owed <= given:
            for line in loose:
                withdraw(line.reference or "")
            return
        booked = loose[0].day.replace(day=1) if loose else self._first_open()
        self._post(instance, booked, owed - given)

    def _post(self, instance: Instance, booked: date, amount: Decimal) -> None:
        late = f":{booked:%Y-%m}" if booked != self.month else ""
        about = {
            "instance": f"{instance.name} ({instance.public_id})",
            "month": f"{self.month:%Y-%m}",
        }
        post(
            Posting(
                organisation=self.organisation,
                day=month_bounds(booked)[1].date() - timedelta(days=1),
                category=Category.CREDIT,
                amount=-amount,
                reference=f"{_prefix(self.month)}{instance.public_id}{late}",
                about=about,
                instance=instance,
            )
        )

    def _is_closed(self, line: CostLine) -> bool:
        return line.day.replace(day=1) in self.closed

    def _first_open(self) -> date:
        month = self.month
        while month in self.closed:
            month = month_bounds(month)[1].date()
        return month


def credited(organisation: Organisation, month: date) -> list[CostLine]:
    """The credits for a month, in the order in which they were given."""
    rows = CostLine.objects.filter(
        organisation=organisation,
        category=Category.CREDIT,
        reference__startswith=_prefix(month),
        day__gte=month,
    )
    return list(rows.order_by("day"))


def instance_of(line: CostLine) -> str:
    """The public id of the instance that a credit is for."""
    return (line.reference or "").split(":")[2]


def _prefix(month: date) -> str:
    return f"{KIND}:{month:%Y-%m}:"
