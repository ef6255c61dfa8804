"""What a prober reports that has no database: minutes of its own region's instances, and of now.

Rows join what is known as those of any other prober do, so a report may come twice, late, or
after that of another one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from portal.kernel import clock
from services.instances import probe_days
from services.instances.models import Instance
from services.instances.probing import targets_of
from services.probes.minutes import SLOWEST, TENTHS_OF_MS, WINDOW_MINUTES, Window
from services.probes.prober import Target
from services.regions.models import Region

MOST = 2000  # windows in a report
# A prober keeps what it found for an hour while Polder is away; older than this nobody may tell.
OLDEST = timedelta(hours=2)
_AHEAD = timedelta(minutes=1)  # so far may clocks differ
CODES = ("malformed", "repeated", "not-now", "unknown-instance", "never-answered")


class Unfit(Exception):
    """A window that cannot be taken. `code` is one of `CODES`."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(code)
        self.code, self.text = code, text


@dataclass(frozen=True, slots=True)
class Fault:
    index: int
    code: str
    detail: str


@dataclass(slots=True)
class Taken:
    """What became of a report."""

    accepted: int = 0
    rejected: list[Fault] = field(default_factory=list)
    answered: bool = False  # a service answered in one of the minutes that were taken


@dataclass(frozen=True, slots=True)
class Asked:
    """Whom a region's prober asks. `in_cluster`: what it asks is found from within alone."""

    targets: Sequence[Target]
    in_cluster: bool


def targets_for(region: Region) -> Asked:
    return Asked(targets_of(region, outside=False), region.backend == Region.Backend.KUBERNETES)


def take_minutes(region: Region, windows: Sequence[Mapping[str, Any]], *, has_heard: bool) -> Taken:
    """Windows as the API's contract describes them, at most `MOST`; each that fits is joined.

    A prober that no service ever answered (`has_heard`) rather stands behind a network policy than
    before a region of which everything is down: until one does, its minutes count against nobody.
    """
    taken, now = Taken(), clock.now()
    fitting: dict[tuple[object, ...], tuple[int, Window]] = {}
    for index, said in enumerate(windows):
        try:
            window = _read(said, now)
            place = (window.key, window.day, window.number)
            if place in fitting:
                raise Unfit("repeated", _("The same five minutes stand in this report before."))
            fitting[place] = (index, window)
        except Unfit as error:
            taken.rejected.append(Fault(index, error.code, error.text))
    known = _known(region, {window.key for _index, window in fitting.values()})
    accepted = []
    for index, window in fitting.values():
        if window.key in known:
            accepted.append((index, window))
        else:
            text = _("There is no such service in this region.")
            taken.rejected.append(Fault(index, "unknown-instance", text))
    taken.answered = any(len(window.bad) < len(window.known) for _index, window in accepted)
    if not (has_heard or taken.answered):
        text = _("No service ever answered this prober. Look at the network policies around it.")
        taken.rejected += [Fault(index, "never-answered", text) for index, _window in accepted]
        accepted = []
    if accepted:
        probe_days.add([window for _index, window in accepted], region=region.pk)
    taken.accepted = len(accepted)
    taken.rejected.sort(key=lambda fault: fault.index)
    return taken


def _known(region: Region, names: set[str]) -> set[str]:
    rows = Instance.objects.filter(region=region, public_id__in=names)
    return set(rows.values_list("public_id", flat=True))


def _read(said: Mapping[str, Any], now: datetime) -> Window:
    """Raises: Unfit."""
    start, latency = _start(said["start"]), said["latency_micros"]
    known, bad = (sorted({int(minute) for minute in said[name]}) for name in ("known", "bad"))
    if not known or not set(bad) <= set(known):
        raise Unfit("malformed", _("“known” must name minutes, and “bad” none but those."))
    if start < now - OLDEST or start + timedelta(minutes=known[-1]) > now + _AHEAD:
        raise Unfit("not-now", _("Minutes of the last two hours can be told, and no others."))
    first = start.hour * 60 + start.minute
    return Window(
        key=said["instance"],
        day=start.date(),
        number=first // WINDOW_MINUTES,
        known=tuple(first + minute for minute in known),
        bad=tuple(first + minute for minute in bad),
        latency=min(SLOWEST, -(-int(latency) // TENTHS_OF_MS)) if latency else 0,
    )


def _start(text: str) -> datetime:
    try:
        found = parse_datetime(text)
        if found is not None and found.tzinfo and not found.timestamp() % (60 * WINDOW_MINUTES):
            return found.astimezone(UTC)
    except (ValueError, OverflowError):  # at the ends of all time zones there is no such time
        pass
    said = _("“start” must be a time with its zone, a multiple of five minutes.")
    raise Unfit("malformed", said)
