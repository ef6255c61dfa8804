"""The arithmetic of an SLA: what was measured, whether the promise was kept, what it earns. Pure.

A set of minutes of a calendar month (UTC) is a number: bit n is minute n. Nothing is rounded before
the credit; shares that people read are never rounded up.

Source: shared design, billing 1.10; what counts is in docs/sla.md.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from functools import lru_cache

from billing.einvoice.document import rounded

WINDOW_MINUTES = 5
EXCLUDED_AT_MOST = 4 * 60  # minutes of announced work a month
# Under what the promise was missed earns so many per cent; the last that fits.
LADDER = ((Decimal("99.9"), 15), (Decimal("99.0"), 30), (Decimal("95"), 100))
MISSED, SLOW = 10, 5
KEPT_WINDOWS = 99  # per cent of the windows have to be within the promise
_SHOWN = Decimal("0.001")
_MINUTE = timedelta(minutes=1)
_LANE = 16  # bits that a latency has

Span = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of an instance's month. `runs` are the minutes in which it is expected to
    serve; `known` and `bad` those that probes found; `works` those of announced work. `latencies`
    are one for each window of the month in tenths of a millisecond (two bytes), 0 where there were
    too few answers; `within` is the promise in milliseconds.
    """

    target: Decimal
    runs: int
    known: int = 0
    bad: int = 0
    works: int = 0
    latencies: Sequence[int] = ()
    within: int | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """`expected` minutes count, `excluded` do not, since work was announced; of the expected ones
    `unknown` were not measured and count as served. `outages` are (first minute, how many).
    """

    target: Decimal
    expected: int
    excluded: int
    unknown: int
    bad: int
    outages: tuple[tuple[int, int], ...]
    windows: int = 0
    slow: int = 0
    within: int | None = None

    @property
    def is_measured(self) -> bool:
        """Whether anything is known of it at all."""
        return self.expected > self.unknown

    @property
    def share(self) -> Decimal | None:
        """Per cent of the expected minutes in which it served, cut to three places."""
        if not self.is_measured:
            return None
        return _share(self.expected - self.bad, self.expected)

    @property
    def fast_share(self) -> Decimal | None:
        """Per cent of the windows that were within the promise, cut to three places."""
        return _share(self.windows - self.slow, self.windows) if self.windows else None

    @property
    def allowed(self) -> Decimal:
        """Bad minutes that the promise allows, cut to two places."""
        whole = self.expected * (100 - self.target) / 100
        return whole.quantize(Decimal("0.01"), rounding=ROUND_DOWN)

    @property
    def is_kept(self) -> bool:
        return not _is_below(self.expected - self.bad, self.expected, self.target)

    @property
    def is_fast(self) -> bool:
        served = self.windows - self.slow
        return not _is_below(served, self.windows, Decimal(KEPT_WINDOWS))


@dataclass(frozen=True, slots=True)
class Credit:
    """`percent` of `cost`, rounded once to cents: `for_time` for availability and `for_speed` for
    performance, a hundred at most.
    """

    for_time: int
    for_speed: int
    cost: Decimal

    @property
    def percent(self) -> int:
        return min(100, self.for_time + self.for_speed)

    @property
    def amount(self) -> Decimal:
        return rounded(self.cost * self.percent / 100)


def measure(facts: Facts) -> Measured:
    excluded = _first(facts.runs & facts.works, EXCLUDED_AT_MOST)
    expected = facts.runs & ~excluded
    bad = expected & facts.bad & facts.known
    windows, slow = _windows(facts, expected)
    return Measured(
        target=facts.target,
        expected=expected.bit_count(),
        excluded=excluded.bit_count(),
        unknown=(expected & ~facts.known).bit_count(),
        bad=bad.bit_count(),
        outages=tuple(_runs(bad)),
        windows=windows,
        slow=slow,
        within=facts.within,
    )


def credit_for(measured: Measured, cost: Decimal) -> Credit:
    """`cost` is what the instance cost in that month, net and exact."""
    for_time = 0
    if not measured.is_kept:
        served = measured.expected - measured.bad
        below = (percent for edge, percent in LADDER if _is_below(served, measured.expected, edge))
        for_time = max((MISSED, *below))
    return Credit(for_time, 0 if measured.is_fast else SLOW, cost)


def minutes_within(spans: Iterable[Span], start: datetime, end: datetime) -> int:
    """The minutes from `start` on that lie in a span as a whole."""
    return _minutes(spans, start, end, whole=True)


def minutes_touched(spans: Iterable[Span], start: datetime, end: datetime) -> int:
    """The minutes from `start` on of which any part lies in a span."""
    return _minutes(spans, start, end, whole=False)


def _minutes(spans: Iterable[Span], start: datetime, end: datetime, *, whole: bool) -> int:
    found = 0
    for since, until in spans:
        low, high = max(since, start) - start, min(until, end) - start
        first = -(-low // _MINUTE) if whole else low // _MINUTE
        last = high // _MINUTE if whole else -(-high // _MINUTE)
        if last > first:
            found |= ((1 << (last - first)) - 1) << first
    return found


def _windows(facts: Facts, expected: int) -> tuple[int, int]:
    """(windows all of whose minutes count and that have an answer, those beyond the promise)."""
    if facts.within is None:
        return 0, 0
    # Each in sixteen bits of one number, so that all of a month are judged at once.
    values = array("H", facts.latencies)
    if sys.byteorder == "big":
        values.byteswap()
    lanes = int.from_bytes(values.tobytes(), "little")
    counted = 0
    for start, length in _runs(expected):
        first, until = -(-start // WINDOW_MINUTES), (start + length) // WINDOW_MINUTES
        if until > first:
            counted |= ((1 << _LANE * (until - first)) - 1) << _LANE * first
    lanes &= counted
    ones = _ones(len(values))
    slow = _above(lanes, ones, facts.within * 10)
    return _above(lanes, ones, 0).bit_count(), slow.bit_count()


@lru_cache(maxsize=8)
def _ones(count: int) -> int:
    """1 in each of so many lanes."""
    return int.from_bytes(b"\1\0" * count, "little")


def _above(lanes: int, ones: int, limit: int) -> int:
    """A bit for each lane that holds more than `limit`. The highest bit of a lane is looked at by
    itself; adding to the others carries into it, and no further.
    """
    if limit >= 1 << _LANE:
        return 0
    half = 1 << (_LANE - 1)
    high = ones * half
    carried = (lanes & ~high) + ones * (half - 1 - limit % half)
    return (carried | lanes if limit < half else carried & lanes) & high


def _is_below(part: int, whole: int, percent: Decimal) -> bool:
    return part * 100 < percent * whole


def _share(part: int, whole: int) -> Decimal:
    return (Decimal(part) * 100 / whole).quantize(_SHOWN, rounding=ROUND_DOWN)


def _first(bits: int, most: int) -> int:
    """The earliest of them, so many at most."""
    if bits.bit_count() <= most:
        return bits
    found = 0
    for start, length in _runs(bits):
        part = min(length, most)
        found |= ((1 << part) - 1) << start
        most -= part
        if not most:
            break
    return found


def _runs(bits: int) -> Iterator[tuple[int, int]]:
    """(first, how many) of each run of ones, in order."""
    at = 0
    while bits:
        zeros = (bits & -bits).bit_length() - 1
        bits >>= zeros
        ones = (~bits & (bits + 1)).bit_length() - 1
        yield at + zeros, ones
        bits >>= ones
        at += zeros + ones
