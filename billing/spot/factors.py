"""What spare capacity costs of the list price, hour by hour. Pure.

A factor is said for a region and price class from a full hour on (UTC), or for all of them where
one is empty. What is said of both counts before what is said of the region alone, that before the
price class alone, and that before what is said of all. It is a whole number of hundredths, so that
a second of anything that is listed stays exact (`billing.pricebook.lint`), and lies between the
published floor and the list price.

Source: shared design, billing 1.1 (SpotPrice) and 2 (rules).
"""

from __future__ import annotations

import tomllib
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent.parent / "prices"
CEILING = Decimal(1)
STEP = Decimal("0.01")
HOUR = timedelta(hours=1)
# What is cheaper on spare capacity: what runs, never what is kept.
METERS = ("vcpu", "memory_gib", "gpu", "control_plane", "scheduler")
_AHEAD = timedelta(minutes=1)  # pages may remember factors for half of that


@dataclass(frozen=True, slots=True)
class Said:
    """`factor` holds from `at` on for `region` and `price_class`; empty means all. None: what is
    said of more holds again.
    """

    region: str
    price_class: str
    at: datetime
    factor: Decimal | None

    @property
    def key(self) -> tuple[str, str]:
        return self.region, self.price_class


class Timeline:
    """All that was ever said, to be asked for an hour."""

    def __init__(self, said: Iterable[Said]) -> None:
        self._by_key: dict[tuple[str, str], tuple[list[datetime], list[Decimal | None]]] = {}
        for one in sorted(said, key=lambda one: one.at):
            times, factors = self._by_key.setdefault(one.key, ([], []))
            times.append(one.at)
            factors.append(one.factor)

    def at(self, region: str, price_class: str, moment: datetime) -> Decimal:
        """What holds at `moment`. Raises: KeyError before anything was said (the price files were
        not loaded).
        """
        keys = ((region, price_class), (region, ""), ("", price_class), ("", ""))
        for key in keys:
            times, factors = self._by_key.get(key, ([], []))
            place = bisect_right(times, moment)
            factor = factors[place - 1] if place else None
            if factor is not None:
                return factor
        raise KeyError((region, price_class, moment))

    def changes(self, region: str, price_class: str) -> list[datetime]:
        """The moments at which what holds there may change, oldest first."""
        keys = {(region, price_class), (region, ""), ("", price_class), ("", "")}
        return sorted({at for key in keys for at in self._by_key.get(key, ([], []))[0]})

    def spans(
        self, region: str, price_class: str, start: datetime, end: datetime
    ) -> list[tuple[datetime, datetime, Decimal]]:
        """[`start`, `end`) cut where the factor changes: beginning, end, factor."""
        cuts = [at for at in self.changes(region, price_class) if start < at < end]
        found: list[tuple[datetime, datetime, Decimal]] = []
        for begin, stop in zip([start, *cuts], [*cuts, end], strict=True):
            factor = self.at(region, price_class, begin)
            if found and found[-1][2] == factor:
                found[-1] = (found[-1][0], stop, factor)
            else:
                found.append((begin, stop, factor))
        return found

    def mean(self, region: str, price_class: str, start: datetime, end: datetime) -> Decimal:
        """Over the hours of [`start`, `end`), to four places."""
        spans = self.spans(region, price_class, start, end)
        seconds = [Decimal((stop - begin) // timedelta(seconds=1)) for begin, stop, _ in spans]
        weighed = sum(
            (factor * part for (*_, factor), part in zip(spans, seconds, strict=True)), Decimal(0)
        )
        return round(weighed / sum(seconds), 4)


def next_hour(now: datetime) -> datetime:
    """The first full hour from which on a factor may be said: never in what has begun."""
    later = now + _AHEAD
    return later.replace(minute=0, second=0, microsecond=0) + HOUR


def fault_of(factor: Decimal) -> str:
    """`floor`, `ceiling` or `step`; empty for a factor that may be said."""
    if factor < floor():
        return "floor"
    if factor > CEILING:
        return "ceiling"
    return "" if factor % STEP == 0 else "step"


@cache
def floor() -> Decimal:
    """The least that spare capacity may ever cost of the list price, as published."""
    return _amount(tomllib.loads((FOLDER / "spot.toml").read_text())["spot"]["floor"])


def said_in(documents: Iterable[Mapping[str, Any]]) -> list[Said]:
    """The factors that price files name. Raises: KeyError for a part that is missing, ValueError
    for one that may not be said.
    """
    found = []
    for entry in (entry for document in documents for entry in document.get("factor", ())):
        said = Said(
            entry.get("region", ""),
            entry.get("class", ""),
            _moment(entry["valid_from"]),
            _amount(entry["factor"]),
        )
        if said.factor is None or fault_of(said.factor):
            raise ValueError(f"no factor of spare capacity may be {entry['factor']}")
        found.append(said)
    return found


def _amount(value: object) -> Decimal:
    if not isinstance(value, str):
        raise TypeError(f"write the factor {value!r} as a string")
    try:
        return Decimal(value)
    except InvalidOperation as error:
        raise ValueError(f"{value!r} is no factor") from error


def _moment(value: object) -> datetime:
    if isinstance(value, datetime):
        moment = value if value.tzinfo else value.replace(tzinfo=UTC)
    elif isinstance(value, date):
        moment = datetime.combine(value, time(), UTC)
    else:
        raise TypeError(f"{value!r} is no date")
    if moment != moment.replace(minute=0, second=0, microsecond=0):
        raise ValueError(f"{value} is no full hour")
    return moment
