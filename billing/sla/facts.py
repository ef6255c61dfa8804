"""What an SLA rests on, read for a month: when instances should have served, what probes found,
which work was announced, what it cost.

An instance is expected to serve while its compute is billed, but not while the tenant has it
changed (`_OWN` operations, each for half an hour at most: what takes longer is the provider's), and
not while the organisation is suspended.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Any

from django.db.models import F, Q, QuerySet, Sum

from billing.metering.plantime import Happening, Piece, month_bounds, running
from billing.models import CostLine, InstanceRollup
from billing.sla.arithmetic import Facts, Span, minutes_touched, minutes_within
from portal.audit.queries import events_for
from portal.kernel import clock
from portal.status import queries as status
from portal.status.models import Incident, Maintenance
from portal.tenancy.models import Organisation
from services import registry
from services.instances import probe_days
from services.instances.models import Instance, InstanceEvent, Operation
from services.instances.probe_days import Probed
from services.instances.states import Kind
from services.spec import Offering, promised_availability, promised_latency

_OWN = (Kind.UPDATE, Kind.UPGRADE, Kind.ROTATE, Kind.RESTORE)
_OWN_AT_MOST = timedelta(minutes=30)
_NOTHING = Decimal(0)
# What is long, and told by nobody who reads how promises were kept.
_NOT_READ = (
    *("parameters", "endpoints", "tags", "reserved"),
    *("region__settings", "region__unavailable", "region__facts", "project__tags"),
)


@dataclass(frozen=True, slots=True)
class Subject:
    """An instance of which something was expected in the month, and what it cost so far."""

    instance: Instance
    facts: Facts
    cost: Decimal


def subjects(organisation: Organisation, month: date, rows: QuerySet[Instance]) -> list[Subject]:
    """Of `rows`, instances of the organisation, by name, without those on spare capacity: of them
    nothing is promised. Seven queries, however many they are.
    """
    start, end = month_bounds(month)
    until = min(end, clock.now())
    lived = rows.filter(
        Q(deleted_at__isnull=True) | Q(deleted_at__gte=start), created_at__lt=until, spot=False
    )
    listed = lived.select_related("region", "project").defer(*_NOT_READ)
    found = list(listed.order_by("name", "pk"))
    keys = [row.pk for row in found]
    lives, own = _lives(keys, until), _own_spans(keys, start, until)
    away, works = _suspensions(organisation, until), status.works_during(start, until)
    probed, costs = probe_days.of_month(keys, month), costs_of(organisation, keys, month)
    entries = registry.entries()
    made = []
    for row in found:
        pieces = _clipped(lives.get(row.pk, []), start, until)
        if not pieces or row.offering not in entries:
            continue
        offering = entries[row.offering].offering
        left_out = minutes_touched([*own.get(row.pk, []), *away], start, until)
        runs = minutes_within(_joined(pieces), start, until) & ~left_out
        planned = _works_of(works, row.region.code, offering, start, until)
        seen = probed.get(row.pk, Probed())
        facts = _facts(offering, _longest(pieces), runs, planned, seen)
        made.append(Subject(row, facts, costs.get(row.pk, _NOTHING)))
    return made


def costs_of(
    organisation: Organisation, instances: Sequence[int], month: date
) -> dict[int, Decimal]:
    """What each cost in a month, net and exact, with its share of what was bought ahead."""
    rows = InstanceRollup.objects.filter(
        organisation=organisation,
        instance__in=instances,
        day=month.replace(day=1),
        category=CostLine.Category.USAGE,
        is_correction=False,
    )
    return dict(rows.values_list("instance_id").annotate(Sum("effective_cost")).order_by())


def incidents_of(
    rows: Iterable[Incident], region: str, offering: str, since: datetime, until: datetime
) -> list[Incident]:
    """Those that touched an offering in a region at some time from `since` to `until`."""
    entry = registry.entries().get(offering)
    return [
        row
        for row in rows
        if entry is not None
        and _touches(row, region, entry.offering)
        and row.started_at < until
        and (row.resolved_at is None or row.resolved_at > since)
    ]


def _facts(offering: Offering, plan_id: str, runs: int, works: int, seen: Probed) -> Facts:
    plan = offering.plan(plan_id)
    return Facts(
        target=promised_availability(offering, plan),
        runs=runs,
        known=seen.known,
        bad=seen.bad,
        works=works,
        latencies=seen.latencies,
        within=promised_latency(offering, plan),
    )


def _lives(keys: Sequence[int], until: datetime) -> dict[int, list[Piece]]:
    """When each was expected to serve, since it was made."""
    rows = InstanceEvent.objects.filter(instance__in=keys, at__lt=until)
    listed = rows.order_by("instance", "at", "id").values_list(
        "instance", "at", "code", "plan", F("operation__kind")
    )
    return {
        key: running(map(_happening, events), until)
        for key, events in groupby(listed.iterator(chunk_size=5000), key=lambda row: row[0])
    }


def _happening(row: tuple[Any, ...]) -> Happening:
    _, at, code, plan, kind = row
    return Happening(at, code, plan, kind or "")


def _clipped(pieces: Iterable[Piece], start: datetime, until: datetime) -> list[Piece]:
    cut = (Piece(max(p.start, start), min(p.end, until), p.plan) for p in pieces)
    return [piece for piece in cut if piece.end > piece.start]


def _joined(pieces: Iterable[Piece]) -> list[Span]:
    """A change of plan is no gap."""
    spans: list[Span] = []
    for piece in pieces:
        if spans and spans[-1][1] == piece.start:
            spans[-1] = (spans[-1][0], piece.end)
        else:
            spans.append((piece.start, piece.end))
    return spans


def _longest(pieces: Iterable[Piece]) -> str:
    """The plan that it had for most of the month says what is promised."""
    times: dict[str, timedelta] = defaultdict(timedelta)
    for piece in pieces:
        times[piece.plan] += piece.end - piece.start
    return max(times, key=lambda plan: times[plan])


def _own_spans(keys: Sequence[int], start: datetime, until: datetime) -> dict[int, list[Span]]:
    rows = Operation.objects.filter(
        Q(finished_at__isnull=True) | Q(finished_at__gt=start),
        instance__in=keys,
        kind__in=_OWN,
        started_at__lt=until,
    )
    spans: dict[int, list[Span]] = defaultdict(list)
    for key, since, ended in rows.values_list("instance", "started_at", "finished_at"):
        if since is not None:
            spans[key].append((since, min(ended or until, since + _OWN_AT_MOST)))
    return spans


def _suspensions(organisation: Organisation, until: datetime) -> list[Span]:
    """As the audit log has them: from a suspension to the lifting that follows."""
    told = [
        *events_for(organisation.slug, verb="organisation.suspend", until=until),
        *events_for(organisation.slug, verb="organisation.lift_suspension", until=until),
    ]
    spans: list[Span] = []
    since: datetime | None = None
    for event in sorted(told, key=lambda event: event.sequence):
        if event.verb == "organisation.suspend":
            since = since or event.at
        elif since is not None:
            spans.append((since, event.at))
            since = None
    return [*spans, (since, until)] if since is not None else spans


def _works_of(
    works: Iterable[Maintenance], region: str, offering: Offering, start: datetime, until: datetime
) -> int:
    spans = [(work.starts_at, work.until) for work in works if _touches(work, region, offering)]
    return minutes_touched(spans, start, until)


def _touches(row: Incident | Maintenance, region: str, offering: Offering) -> bool:
    return (not row.regions or region in row.regions) and (
        not row.families or offering.family in row.families
    )
