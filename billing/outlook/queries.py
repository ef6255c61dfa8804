"""What a month is expected to cost when it ends, for whoever sees its costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from billing.commitments import upkeep as commitment_upkeep
from billing.costs import queries as costs
from billing.metering.plantime import month_bounds
from billing.models import CostAnomaly
from billing.outlook.forecast import LOOK_BACK_DAYS, Forecast, forecast
from portal.kernel import clock
from portal.kernel.actor import Actor
from portal.tenancy import access
from portal.tenancy.models import Organisation
from portal.tenancy.permissions import Permission

_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a day's excess: `by` offering, project or instance, and which."""

    by: str
    key: str
    excess: Decimal


@dataclass(frozen=True, slots=True)
class Unusual:
    """A day that was told as unusual: what it had cost by then, and what would be usual."""

    day: date
    amount: Decimal
    expected: Decimal
    parts: list[Part]


@dataclass(frozen=True, slots=True)
class Outlook:
    """The forecast of `month`, and what each day was billed that it rests on, net."""

    month: date
    forecast: Forecast
    by_day: Mapping[date, Decimal]

    @property
    def rate(self) -> Decimal:
        """What a day costs now: the mean of the last seven whole days."""
        today = clock.now().date()
        days = [self.by_day.get(today - timedelta(days=n), _ZERO) for n in range(1, 8)]
        return sum(days, _ZERO) / len(days)


def outlook_for(
    actor: Actor, organisation: Organisation, *, month: date | None = None, project: str = ""
) -> Outlook:
    """Of a calendar month (UTC) that has begun: this one unless another is named. Two queries, and
    two more for who sees what the organisation as a whole is charged.

    Raises: NotPermitted.
    """
    today = clock.now().date()
    first = (month or today).replace(day=1)
    end = min(month_bounds(first)[1].date(), today + timedelta(days=1))
    sums = costs.day_sums_for(
        actor,
        organisation,
        first=min(first, end - timedelta(days=LOOK_BACK_DAYS + 1)),
        end=end,
        project=project,
    )
    by_day = {one.day: one.usage for one in sums}
    fixed = sum((one.other for one in sums if one.day >= first), _ZERO)
    coming = _ZERO if project else _coming(actor, organisation, today, month_bounds(first)[1])
    found = forecast(by_day, month=first, today=today, fixed=fixed, coming=coming)
    return Outlook(first, found, by_day)


def _coming(actor: Actor, organisation: Organisation, today: date, end: datetime) -> Decimal:
    """Payments for what is reserved, which belong to no project."""
    held = access.permissions_in_organisation(actor, organisation)
    if today >= end.date() or Permission.COST_VIEW not in held:
        return _ZERO
    return commitment_upkeep.coming(organisation, today, end.date())


def unusual_days_for(
    actor: Actor, organisation: Organisation, first: date, end: date
) -> list[Unusual]:
    """The unusual days of [`first`, `end`), the newest first: of the organisation as a whole, so
    only for who sees all of its costs. One query.
    """
    held = access.permissions_in_organisation(actor, organisation)
    if Permission.COST_VIEW not in held:
        return []
    rows = CostAnomaly.objects.filter(organisation=organisation, day__gte=first, day__lt=end)
    return [
        Unusual(
            row.day,
            row.amount,
            row.expected,
            [Part(p["by"], p["key"], Decimal(p["excess"])) for p in row.because],
        )
        for row in rows.order_by("-day")
    ]
