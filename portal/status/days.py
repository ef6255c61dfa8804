"""How a region and a family were on each day: pure arithmetic over spans of time.

A day is `bad` when something was down for an hour or more in all, `part` when it was down for less
or a minor incident went on, `none` when nobody knows, `ok` otherwise. Down means: a major or
critical incident, or a region that did not answer. Days are of UTC.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_DOWN, Decimal

_DAY = timedelta(days=1)
_BAD = timedelta(hours=1)
_PLACES = Decimal("0.001")


@dataclass(frozen=True, slots=True)
class Span:
    """From `start` (inclusive) to `end` (exclusive)."""

    start: datetime
    end: datetime

    def within(self, start: datetime, end: datetime) -> timedelta:
        """How much of it lies between `start` and `end`."""
        return max(min(self.end, end) - max(self.start, start), timedelta(0))


@dataclass(frozen=True, slots=True)
class Day:
    """One bar. `down` of `known` time; `incident` says that one went on, however small."""

    day: date
    known: timedelta
    down: timedelta
    incident: bool

    @property
    def state(self) -> str:
        if self.down >= _BAD:
            return "bad"
        if self.down or self.incident:
            return "part"
        return "ok" if self.known else "none"


def merged(spans: Iterable[Span]) -> list[Span]:
    """The same time without overlaps, in order."""
    found: list[Span] = []
    for span in sorted(spans, key=lambda s: s.start):
        if span.end <= span.start:
            continue
        if found and span.start <= found[-1].end:
            found[-1] = Span(found[-1].start, max(found[-1].end, span.end))
        else:
            found.append(span)
    return found


def days_of(
    *, known: Sequence[Span], down: Sequence[Span], noted: Sequence[Span], now: datetime, count: int
) -> list[Day]:
    """The last `count` days, today last. `known` is time of which we know how it was, `down` and
    `noted` (time of any incident) count as known too.
    """
    away, heard = merged(down), merged([*known, *down, *noted])
    remarks = merged(noted)
    today = datetime.combine(now.astimezone(UTC).date(), time(), UTC)
    found = []
    for back in range(count - 1, -1, -1):
        start = today - back * _DAY
        end = min(start + _DAY, now)
        found.append(
            Day(
                start.date(),
                _sum(heard, start, end),
                _sum(away, start, end),
                _any(remarks, start, end),
            )
        )
    return found


def share_up(days: Iterable[Day]) -> Decimal | None:
    """Per cent of the known time that nothing was down, never rounded up; None when nothing is
    known.
    """
    known, down = timedelta(0), timedelta(0)
    for day in days:
        known += day.known
        down += day.down
    if not known:
        return None
    second = timedelta(seconds=1)
    return share_of((known - down) // second, max(known // second, 1))


def share_of(part: int, whole: int) -> Decimal | None:
    """Per cent, never rounded up; None of nothing."""
    if not whole:
        return None
    return (Decimal(part) * 100 / Decimal(whole)).quantize(_PLACES, rounding=ROUND_DOWN)


def _sum(spans: Sequence[Span], start: datetime, end: datetime) -> timedelta:
    return sum((span.within(start, end) for span in spans), timedelta(0))


def _any(spans: Sequence[Span], start: datetime, end: datetime) -> bool:
    return any(span.start < end and span.end > start for span in spans)
