"""Made-up daily costs of accounts, the same for the same seed: levels from small to large, weekdays
of their own, a slow trend, noise; a quarter of them with one lasting step.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from random import Random

FIRST = date(2026, 7, 1)
MONTH = date(2026, 10, 1)
DAYS = 123  # July to October


@dataclass(frozen=True)
class Account:
    """`step` is the day since when everything costs another multiple, if there is one."""

    by_day: dict[date, Decimal]
    step: date | None

    def until(self, today: date) -> dict[date, Decimal]:
        """What was known at the first second of `today`."""
        return {day: cost for day, cost in self.by_day.items() if day < today}


def accounts(count: int, seed: int) -> list[Account]:
    """Every fourth one has a step."""
    rng = Random(seed)  # a seeded set, not a secret
    return [_account(rng, stepping=n % 4 == 0) for n in range(count)]


def _account(rng: Random, *, stepping: bool) -> Account:
    level = Decimal(rng.randint(5, 50) * rng.choice((1, 1, 10)))
    weekend = Decimal(rng.choice((100, 100, 90, 75, 60))) / 100
    trend = Decimal(rng.randint(-20, 40)) / 10_000  # a day, of the level at the start
    noise = rng.randint(10, 80)  # thousandths
    at = rng.randint(40, DAYS - 1) if stepping else DAYS
    factor = Decimal(rng.choice((50, 60, 70, 130, 150, 180, 200))) / 100
    by_day = {}
    for n in range(DAYS):
        day = FIRST + timedelta(days=n)
        cost = level * (1 + trend * n) * (weekend if day.weekday() > 4 else 1)
        cost *= factor if n >= at else 1
        by_day[day] = round(cost * (1 + _normal(rng) * noise / 1000), 6)
    return Account(by_day, FIRST + timedelta(days=at) if stepping else None)


def _normal(rng: Random) -> Decimal:
    """About normal, standard deviation 1: the sum of twelve even ones."""
    return Decimal(sum(rng.randint(-500, 500) for _ in range(12))) / 1000
