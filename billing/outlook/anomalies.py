"""Days that cost more than their like: pure, from the costs of an organisation's days.

Source: the shared billing rules §1.7. A day is compared with the median of the same weekday in the
28 days before it; how far it may lie off is measured by the median absolute deviation (MAD) of
those days from theirs, in logarithms, so that double is as far as half.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from statistics import median

LOOK_BACK_DAYS = 28
QUIET_DAYS = 7
LEAST_EXCESS = Decimal(10)
_LEAST_SHARE = Decimal("0.1")
_LEAST_Z = Decimal(4)
_SIGMA = Decimal("1.4826")  # of a normal distribution, per MAD
_FLOOR = Decimal("0.02")
_LEAST_HISTORY = 14
_ZERO = Decimal(0)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Anomaly:
    """`day` cost `amount` where `expected` was usual, in the currency of the costs. `z` is how many
    deviations that is.
    """

    day: date
    amount: Decimal
    expected: Decimal
    z: Decimal

    @property
    def excess(self) -> Decimal:
        return self.amount - self.expected


def anomalies(by_day: Mapping[date, Decimal], *, first: date, end: date) -> list[Anomaly]:
    """The days of [`first`, `end`) that stand out, oldest first. A step is one anomaly: for a week
    after it nothing is told. `by_day` should reach back `LOOK_BACK_DAYS` + `QUIET_DAYS` before
    `first`; days without costs may be left out.
    """
    found: list[Anomaly] = []
    last: date | None = None
    day = first - QUIET_DAYS * _DAY
    while day < end:
        one = _judge(by_day, day) if last is None or day - last > QUIET_DAYS * _DAY else None
        if one is not None:
            last = day
            if day >= first:
                found.append(one)
        day += _DAY
    return found


def _judge(by_day: Mapping[date, Decimal], day: date) -> Anomaly | None:
    amount = by_day.get(day, _ZERO)
    begin = min((d for d, cost in by_day.items() if cost), default=day)
    if amount < LEAST_EXCESS or (day - begin).days < _LEAST_HISTORY:
        return None
    expected = _usual(by_day, day, begin)
    if expected <= 0 or amount - expected <= max(LEAST_EXCESS, _LEAST_SHARE * expected):
        return None
    off = [abs(ratio) for ratio in _history(by_day, day, begin)]
    z = (amount / expected).ln() / (_SIGMA * median(off) + _FLOOR) if off else _ZERO
    return Anomaly(day, amount, expected, z) if z > _LEAST_Z else None


def _usual(by_day: Mapping[date, Decimal], day: date, begin: date) -> Decimal:
    """The median of the same weekday in the four weeks before."""
    before = [day - 7 * n * _DAY for n in range(1, 5) if day - 7 * n * _DAY > begin]
    return median([by_day.get(one, _ZERO) for one in before]) if before else _ZERO


def _history(by_day: Mapping[date, Decimal], day: date, begin: date) -> list[Decimal]:
    """Of each of the 28 days before: the logarithm of its ratio to the median of its weekday."""
    days = [day - n * _DAY for n in range(1, LOOK_BACK_DAYS + 1) if day - n * _DAY > begin]
    by_weekday: dict[int, list[Decimal]] = {}
    for one in days:
        if cost := by_day.get(one, _ZERO):
            by_weekday.setdefault(one.weekday(), []).append(cost)
    return [(cost / median(costs)).ln() for costs in by_weekday.values() for cost in costs if costs]
