"""The status board: every region and family, now and on each of the last ninety days.

Made of real data only: incidents, planned work, and what the checks of the regions wrote down. It
holds codes and rows; the words are made at render. Kept for some seconds, for everybody the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from itertools import zip_longest

from portal.kernel import clock
from portal.status import queries
from portal.status.days import Day, Span, days_of, merged, share_of, share_up
from portal.status.fresh import Fresh
from portal.status.models import Impact, Incident, IncidentUpdate, Maintenance
from services import registry
from services.instances import probe_days
from services.instances.probe_days import Served
from services.regions import health
from services.regions import queries as places
from services.regions.models import Region, RegionHealth
from services.regions.texts import NOT_OFFERED
from services.spec import Family

DAYS = 90
_HEAVY = frozenset({Impact.MAJOR, Impact.CRITICAL})
# Worst first: what a region says is the worst of its families.
ORDER = ("bad", "part", "work", "none", "ok")


@dataclass(frozen=True, slots=True)
class Row:
    """One family in one region. `state`: bad, part, work (planned), none (no data) or ok. `served`
    is the share of minutes in which its services answered probes, per cent.
    """

    family: Family
    state: str
    days: tuple[Day, ...]
    share: Decimal | None
    served: Decimal | None


@dataclass(frozen=True, slots=True)
class Place:
    """One region with the families that it offers. `silent`: its backend does not answer."""

    region: Region
    state: str
    silent: bool
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Board:
    """Everything the status page shows. `at` is when it was read, `changed_at` when something on it
    last changed, `checked_at` the oldest of the regions' last checks.
    """

    at: datetime
    changed_at: datetime
    checked_at: datetime | None
    state: str
    places: tuple[Place, ...]
    incidents: tuple[Incident, ...]
    updates: dict[int, list[IncidentUpdate]]
    works: tuple[Maintenance, ...]

    @property
    def modified_at(self) -> datetime:
        """When what a reader gets last changed: the time of the last check is part of it."""
        return max(self.changed_at, self.checked_at or self.changed_at)


@dataclass(frozen=True, slots=True)
class _Facts:
    """What the board is made of."""

    now: datetime
    flips: Sequence[RegionHealth]
    incidents: Sequence[Incident]
    works: Sequence[Maintenance]
    served: Sequence[Served]

    def has_fresh(self, region: Region) -> bool:
        return region.checked_at is not None and region.checked_at >= self.now - health.GAP


def read(now: datetime | None = None) -> Board:
    """The board as it is now. Nine queries, however many regions there are."""
    moment = now or clock.now()
    start = datetime.combine(moment.date(), time(), UTC) - timedelta(days=DAYS - 1)
    works = tuple(queries.planned_work(moment))
    regions = places.regions()
    facts = _Facts(
        moment,
        health.flips_since(start),
        queries.incidents_between(start, moment),
        works,
        probe_days.served_since(start.date()),
    )
    found = tuple(_place(region, facts) for region in regions)
    current = tuple(i for i in facts.incidents if i.resolved_at is None)
    checks = [region.checked_at for region in regions if region.checked_at is not None]
    return Board(
        at=moment,
        changed_at=max(_changes(facts)),
        checked_at=min(checks, default=None),
        state=_worst([place.state for place in found] + [_now(i.impact) for i in current]),
        places=found,
        incidents=current,
        updates=queries.updates_of(list(current)),
        works=works,
    )


board = Fresh(read, seconds=10)


def _place(region: Region, facts: _Facts) -> Place:
    known, down = _spans(region, facts)
    rows = tuple(_row(region, family, facts, known, down) for family in _families(region))
    silent = facts.has_fresh(region) and not region.healthy
    return Place(region, _worst([row.state for row in rows]), silent, rows)


def _row(
    region: Region, family: Family, facts: _Facts, known: Sequence[Span], down: Sequence[Span]
) -> Row:
    here = [i for i in facts.incidents if _touches(i, region, family) and i.impact != Impact.NONE]
    heavy = [_span(i, facts.now) for i in here if i.impact in _HEAVY]
    days = days_of(
        known=known,
        down=[*down, *heavy],
        noted=[_span(i, facts.now) for i in here],
        now=facts.now,
        count=DAYS,
    )
    state, served = _state(region, family, here, facts), _served(region, family, facts)
    return Row(family, state, tuple(days), share_up(days), served)


def _served(region: Region, family: Family, facts: _Facts) -> Decimal | None:
    """Never rounded up; None when nothing was probed."""
    entries = registry.entries()
    rows = [
        row
        for row in facts.served
        if row.region == region.pk
        and row.offering in entries
        and entries[row.offering].offering.family == family
    ]
    known, bad = sum(row.known for row in rows), sum(row.bad for row in rows)
    return share_of(known - bad, known)


def _state(region: Region, family: Family, here: Sequence[Incident], facts: _Facts) -> str:
    states = [_now(incident.impact) for incident in here if incident.resolved_at is None]
    if not facts.has_fresh(region):
        states.append("none")
    elif not region.healthy:
        states.append("bad")
    if any(w.is_running(facts.now) and _touches(w, region, family) for w in facts.works):
        states.append("work")
    return _worst(states)


def _spans(region: Region, facts: _Facts) -> tuple[list[Span], list[Span]]:
    """The time of which we know how `region` was, and the part of it when it did not answer. The
    last change holds until the last check, or until now where checks come as they should.
    """
    flips = [flip for flip in facts.flips if flip.region_id == region.pk]
    last = facts.now if facts.has_fresh(region) else region.checked_at
    known: list[Span] = []
    down: list[Span] = []
    for flip, following in zip_longest(flips, flips[1:]):
        span = Span(flip.at, following.at if following else last or flip.at)
        if flip.state != RegionHealth.State.UNKNOWN:
            known.append(span)
        if flip.state == RegionHealth.State.DOWN:
            down.append(span)
    return merged(known), merged(down)


def _families(region: Region) -> list[Family]:
    """What `region` offers, even where something hinders it just now."""
    offered = {
        entry.offering.family
        for entry in registry.entries().values()
        if places.orderable(entry, region).code not in NOT_OFFERED
    }
    return [family for family in Family if family in offered]


def _touches(row: Incident | Maintenance, region: Region, family: Family) -> bool:
    return (not row.regions or region.code in row.regions) and (
        not row.families or family in row.families
    )


def _span(incident: Incident, now: datetime) -> Span:
    return Span(incident.started_at, incident.resolved_at or now)


def _now(impact: str) -> str:
    """What an open incident means for what it touches."""
    if impact in _HEAVY:
        return "bad"
    return "part" if impact == Impact.MINOR else "ok"


def _worst(states: Sequence[str]) -> str:
    return min(states, key=ORDER.index, default="ok")


def _changes(facts: _Facts) -> Iterator[datetime]:
    """When something on the board changed. Bars move at midnight, so never before today."""
    yield datetime.combine(facts.now.date(), time(), UTC)
    yield from (flip.at for flip in facts.flips)
    yield from (w.starts_at for w in facts.works if w.starts_at <= facts.now)
    if said := queries.last_said_at():
        yield said
