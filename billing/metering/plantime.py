"""How long an instance had which plan: from what happened to the seconds of each day. Pure.

Compute is billed from success of create to the request of delete or pause, and again from success
of resume; what it keeps is billed until it is purged. Compute is billed for a minute at least. No
instance is billed for more than 730 hours of a calendar month, whatever its plans were.

Source: shared design, billing 1.2.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import zip_longest

CAP_SECONDS = 730 * 3600
LEAST_SECONDS = 60

_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)
_ANY_MIDNIGHT = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Happening:
    """An InstanceEvent: its `code`, the plan that was desired then, and what kind of operation told
    it.
    """

    at: datetime
    code: str
    plan: str
    kind: str = ""


@dataclass(slots=True)
class Piece:
    """Time under one plan, [`start`, `end`)."""

    start: datetime
    end: datetime
    plan: str


@dataclass(slots=True)
class DayTime:
    """Seconds of one day under one plan: billed, and as they really were."""

    compute: int = 0
    stored: int = 0
    compute_consumed: int = 0
    stored_consumed: int = 0


@dataclass(slots=True)
class _Life:
    """What is billed at a moment, while the happenings are read in their order."""

    plan: str = ""
    runs: bool = False
    stored: bool = False
    ran_before: bool = False
    compute: list[Piece] = field(default_factory=list)
    kept: list[Piece] = field(default_factory=list)
    since: datetime | None = None

    def reach(self, at: datetime) -> None:
        """Books the time since the last happening."""
        if self.since is not None and at > self.since:
            if self.runs:
                self.compute.append(Piece(self.since, at, self.plan))
            if self.stored:
                self.kept.append(Piece(self.since, at, self.plan))
        self.since = at

    def take(self, event: Happening) -> None:
        match event.code:
            case "created" | "repaired" if not self.stored:
                self.plan, self.runs, self.stored = event.plan, True, True
            case "changed" | "upgraded" | "repaired":
                self.plan = event.plan
            case "pause_requested" | "deleted":
                self.ran_before, self.runs = self.runs, False
            case "paused" | "binned":  # a later request that is withdrawn brings nothing back
                self.ran_before = False
            case "resumed" | "undeleted":
                self.runs = True
            case "purged":
                self.runs = self.stored = False
            case "failed" if event.kind == "pause":
                self.runs = self.ran_before
            case "cancelled" if event.kind in ("pause", "delete", "purge"):
                self.runs = self.ran_before


def day_times(
    happenings: Iterable[Happening], month: date, until: datetime
) -> dict[tuple[date, str], DayTime]:
    """Seconds by day and plan, for the calendar month that begins on `month`, up to `until`.

    `happenings` are all of one instance, oldest first; parts of a second are cut off.
    """
    times = _times(happenings, month, until, _DAY)
    return {(start.date(), plan): time for (start, plan), time in times.items()}


def hour_times(
    happenings: Iterable[Happening], month: date, until: datetime
) -> dict[tuple[datetime, str], DayTime]:
    """The same by the hour, named by its beginning."""
    return _times(happenings, month, until, _HOUR)


def _times(
    happenings: Iterable[Happening], month: date, until: datetime, grain: timedelta
) -> dict[tuple[datetime, str], DayTime]:
    start, end = month_bounds(month)
    life = _Life()
    for event in happenings:
        if event.at >= until:
            break
        life.reach(event.at.replace(microsecond=0))
        life.take(event)
    life.reach(until.replace(microsecond=0))
    compute = list(_joined(life.compute))
    _lengthen(compute, until)
    found: dict[tuple[datetime, str], DayTime] = {}
    for at, plan, seconds, billed in _cut(compute, start, end, grain):
        entry = found.setdefault((at, plan), DayTime())
        entry.compute += billed
        entry.compute_consumed += seconds
    for at, plan, seconds, billed in _cut(life.kept, start, end, grain):
        entry = found.setdefault((at, plan), DayTime())
        entry.stored += billed
        entry.stored_consumed += seconds
    return found


def running(happenings: Iterable[Happening], until: datetime) -> list[Piece]:
    """When compute was billed, as it really was, up to `until`: the time in which a service is
    expected to serve. `happenings` as in `day_times`.
    """
    life = _Life()
    for event in happenings:
        if event.at >= until:
            break
        life.reach(event.at)
        life.take(event)
    life.reach(until)
    return list(_joined(life.compute))


def month_bounds(month: date) -> tuple[datetime, datetime]:
    """The calendar month of `month`, half open, UTC."""
    first = month.replace(day=1)
    following = (first + timedelta(days=31)).replace(day=1)
    return _midnight(first), _midnight(following)


def last_day(month: date) -> date:
    return month_bounds(month)[1].date() - timedelta(days=1)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _joined(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """Neighbours under one plan as one piece."""
    last: Piece | None = None
    for piece in pieces:
        if last is not None and last.end == piece.start and last.plan == piece.plan:
            last.end = piece.end
            continue
        if last is not None:
            yield last
        last = Piece(piece.start, piece.end, piece.plan)
    if last is not None:
        yield last


def _lengthen(pieces: list[Piece], until: datetime) -> None:
    """A run that ended within a minute is billed for one, unless the next begins before that."""
    least = timedelta(seconds=LEAST_SECONDS)
    runs: list[list[Piece]] = []
    for piece in pieces:
        if runs and runs[-1][-1].end == piece.start:
            runs[-1].append(piece)
        else:
            runs.append([piece])
    for run, following in zip_longest(runs, runs[1:]):
        if run[-1].end >= until.replace(microsecond=0):
            continue
        wanted = max(run[-1].end, run[0].start + least)
        run[-1].end = wanted if following is None else min(wanted, following[0].start)


def _cut(
    pieces: Iterable[Piece], start: datetime, end: datetime, grain: timedelta
) -> Iterator[tuple[datetime, str, int, int]]:
    """Beginning of the day or hour, plan, seconds and how many of them are within the month's cap,
    in the order of time.
    """
    left = CAP_SECONDS
    for piece in pieces:
        at, stop = max(piece.start, start), min(piece.end, end)
        while at < stop:
            begin = at - (at - _ANY_MIDNIGHT) % grain
            following = min(stop, begin + grain)
            seconds = (following - at) // timedelta(seconds=1)
            billed = min(seconds, left)
            left -= billed
            yield begin, piece.plan, seconds, billed
            at = following
