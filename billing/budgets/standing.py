"""Budgets beside what was spent and what is expected: read live, so that no page shows a sum of its
own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from billing.budgets import rules
from billing.budgets.rules import Threshold
from billing.commitments import upkeep as commitment_upkeep
from billing.costs import queries as costs
from billing.costs.queries import DaySum
from billing.metering.plantime import month_bounds
from billing.models import Budget, TagSet
from billing.outlook.forecast import LOOK_BACK_DAYS, Forecast, forecast
from portal.kernel import clock
from portal.kernel.actor import SYSTEM
from portal.tenancy.models import Organisation

_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Standing:
    """A budget in a month: the one that runs, unless another was asked for."""

    budget: Budget
    month: date
    forecast: Forecast

    @property
    def actual(self) -> Decimal:
        return self.forecast.actual

    @property
    def expected(self) -> Decimal:
        return self.forecast.expected

    @property
    def percent(self) -> Decimal:
        """How much of it is spent."""
        return rules.percent_of(self.actual, self.budget.amount)

    @property
    def expected_percent(self) -> Decimal:
        return rules.percent_of(self.expected, self.budget.amount)

    @property
    def left(self) -> Decimal:
        return self.budget.amount - self.actual

    def cost_of(self, threshold: Threshold) -> Decimal:
        """What a threshold looks at."""
        return self.actual if threshold.kind == "actual" else self.expected

    def reached(self) -> list[Threshold]:
        """The thresholds that are reached now, the lowest first."""
        return [
            one
            for one in rules.read(self.budget.thresholds)
            if rules.is_reached(one, self.budget.amount, self.actual, self.expected)
        ]


def standings(
    organisation: Organisation, budgets: Sequence[Budget], *, month: date | None = None
) -> list[Standing]:
    """In the order of `budgets`, all of `organisation`, in the calendar month `month` that is over,
    or in the one that runs. Two queries; one more where tags matter, and one for budgets of the
    organisation, which count what falls due of what is reserved.
    """
    if not budgets:
        return []
    today = clock.now().date()
    month = month or today.replace(day=1)
    split = [
        *(["project_id"] if any(b.scope == Budget.Scope.PROJECT for b in budgets) else []),
        *(["tag_set_id"] if any(b.scope == Budget.Scope.TAG for b in budgets) else []),
    ]
    sums = costs.day_sums_for(
        SYSTEM,
        organisation,
        first=min(today - timedelta(days=LOOK_BACK_DAYS), month),
        end=min(today + timedelta(days=1), month_bounds(month)[1].date()),
        split=split,
    )
    tags = _tags_of(sums) if "tag_set_id" in split else {}
    coming = _coming(organisation, budgets, month, today)
    return [
        Standing(budget, month, _forecast_of(budget, sums, tags, (month, today), coming))
        for budget in budgets
    ]


def _coming(
    organisation: Organisation, budgets: Sequence[Budget], month: date, today: date
) -> Decimal:
    """Payments in what is left of the month; they belong to no project and carry no tag."""
    end = month_bounds(month)[1].date()
    if today >= end or all(one.scope != Budget.Scope.ORGANISATION for one in budgets):
        return _ZERO
    return commitment_upkeep.coming(organisation, today, end)


def _forecast_of(
    budget: Budget,
    sums: Iterable[DaySum],
    tags: Mapping[int, Mapping[str, str]],
    when: tuple[date, date],
    coming: Decimal,
) -> Forecast:
    """`when`: the month, and today."""
    month, today = when
    by_day: dict[date, Decimal] = {}
    fixed = _ZERO
    for one in sums:
        if not _within(budget, one, tags):
            continue
        by_day[one.day] = by_day.get(one.day, _ZERO) + one.usage
        fixed += one.other if one.day >= month else _ZERO
    coming = coming if budget.scope == Budget.Scope.ORGANISATION else _ZERO
    return forecast(by_day, month=month, today=today, fixed=fixed, coming=coming)


def _within(budget: Budget, one: DaySum, tags: Mapping[int, Mapping[str, str]]) -> bool:
    if budget.scope == Budget.Scope.PROJECT:
        return one.project_id == budget.project_id
    if budget.scope == Budget.Scope.TAG:
        held = tags.get(one.tag_set_id or 0, {})
        return held.get(budget.tag_key) == budget.tag_value
    return True


def _tags_of(sums: Iterable[DaySum]) -> dict[int, dict[str, str]]:
    keys = {one.tag_set_id for one in sums if one.tag_set_id is not None}
    return dict(TagSet.objects.filter(pk__in=keys).values_list("pk", "tags"))
