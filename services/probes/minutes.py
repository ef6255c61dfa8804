"""From single verdicts to minutes: known, bad, and how slow the answers of five minutes were. Pure.

A minute is bad when two of its three probes failed, known when at least two could be made. What is
not known counts against nobody. Minutes and windows are numbered within the day (UTC).

Source: shared design, billing 1.10.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from services.probes.asking import State, Verdict

SECONDS = 20  # between two probes of an instance
ENOUGH = 2  # of the three probes of a minute
WINDOW_MINUTES = 5
WINDOWS = 24 * 60 // WINDOW_MINUTES
TENTHS_OF_MS = 100  # microseconds: the unit of a window's latency
SLOWEST = 0xFFFF
_MOST_OPEN = 13  # windows: an hour and what is under way, should nobody take them
_FEWEST = 3  # answers that make a percentile


@dataclass(frozen=True, slots=True)
class Window:
    """Five minutes of one instance, by its public id. `known` and `bad` are minutes of the day;
    `latency` is the 95th percentile in tenths of a millisecond, 0 where there were too few answers.
    """

    key: str
    day: date
    number: int
    known: tuple[int, ...]
    bad: tuple[int, ...]
    latency: int


class Book:
    """Verdicts as they come, until their window is over."""

    def __init__(self) -> None:
        self._open: dict[int, dict[str, list[tuple[int, State, int | None]]]] = {}

    def note(self, key: str, at: datetime, verdict: Verdict) -> None:
        """`at` is when it was asked."""
        minute = int(at.timestamp()) // 60
        window = self._open.setdefault(minute // WINDOW_MINUTES, defaultdict(list))
        if len(self._open) > _MOST_OPEN:
            del self._open[min(self._open)]
        window[key].append((minute, verdict.state, verdict.micros))

    def take(self, before: datetime) -> list[Window]:
        """The windows that end at `before` or earlier; they are forgotten here."""
        last = int(before.timestamp()) // 60 // WINDOW_MINUTES
        over = sorted(number for number in self._open if number < last)
        return [window for number in over for window in _windows(number, self._open.pop(number))]

    def take_all(self) -> list[Window]:
        """Also what is not over: for the end of the program."""
        rest, self._open = self._open, {}
        return [window for number in sorted(rest) for window in _windows(number, rest[number])]


def _windows(
    number: int, noted: dict[str, list[tuple[int, State, int | None]]]
) -> Iterable[Window]:
    start = datetime.fromtimestamp(number * WINDOW_MINUTES * 60, UTC)
    for key, rows in noted.items():
        known, bad = minutes_of([(minute % 1440, state) for minute, state, _ in rows])
        slow = percentile([micros for _, state, micros in rows if micros is not None])
        if known:
            yield Window(key, start.date(), number % WINDOWS, known, bad, slow)


def minutes_of(rows: Iterable[tuple[int, State]]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """(minutes that are known, those of them that were bad), in order."""
    asked: dict[int, int] = defaultdict(int)
    failed: dict[int, int] = defaultdict(int)
    for minute, state in rows:
        asked[minute] += state != State.UNKNOWN
        failed[minute] += state == State.DOWN
    known = tuple(sorted(minute for minute, count in asked.items() if count >= ENOUGH))
    return known, tuple(minute for minute in known if failed[minute] >= ENOUGH)


def percentile(micros: Sequence[int]) -> int:
    """The 95th by nearest rank, in tenths of a millisecond, never rounded down; 0 for too few."""
    if len(micros) < _FEWEST:
        return 0
    rank = -(-len(micros) * 95 // 100)
    value = sorted(micros)[rank - 1]
    return min(SLOWEST, max(1, -(-value // TENTHS_OF_MS)))
