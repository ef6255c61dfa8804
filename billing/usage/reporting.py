"""What backends tell of usage beyond plans, as events: looked at every few minutes by the region's
own workers, reported by the hour.

A look adds what was used since the last one; the hour's sum becomes one event of each meter, in the
transaction that begins the next hour. So a look that is lost, late or made twice changes nothing:
the next one begins where the last that was kept has ended. Of what is kept the lesser of two looks
counts for the time between them; of a counter of a server, how far it stands beyond where it stood
at the last look, which is kept in the same transaction (`billing.usage.growth`). A look at
counters goes six hours on at most, so that whatever there is to catch up, something of it is kept
each time.

What objects show (`UsageLook`) and what counters tell (`CounterLook`) are each looked at for
themselves: one that is away is asked for all of its own time later, and the other loses nothing.

Source: shared design, billing 1.3.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from django.db import connection, transaction
from django.db.models import Manager

from billing.models import CounterLook, UsageLook
from billing.usage import cloudevents
from billing.usage.cloudevents import Reported
from billing.usage.growth import growth
from billing.usage.ingestion import keep_own
from billing.usage.meter_keys import OWN
from billing.usage.silence import by_report
from portal.kernel import clock
from portal.kernel.errors import BackendError
from services.backends import backend_for, keeps_secrets
from services.instances.models import Instance
from services.instances.specs import entry_of, spec_of
from services.instances.states import Phase
from services.regions.models import Region
from services.spec import Counted, Entry, InstanceSpec

logger = logging.getLogger(__name__)
# A service that is younger is counted from its beginning, an older one from the first look on.
_NEW = timedelta(hours=2)
_MOST_AT_ONCE = timedelta(hours=6)  # of counters, as their readers have it
_OLDEST = timedelta(days=15)  # what a metrics API keeps, unless told otherwise
_LOCK = 0x75736167
_NOTHING = Decimal(0)
_PLACES = Decimal("1e-9")  # of an event
_FIELDS = ("since", "looked_at", "pending")
Look = UsageLook | CounterLook
Source = type[UsageLook] | type[CounterLook]


def look_at_region(region_id: int) -> int:
    """How many events came of it. A backend that is away is looked at again later."""
    region, until = Region.objects.get(pk=region_id), clock.now().replace(microsecond=0)
    rows = list(
        Instance.objects.filter(region=region, deleted_at__isnull=True)
        .exclude(phase=Phase.CREATING)
        .select_related("project__organisation", "region")
    )
    # Who asks servers what they counted logs in to them.
    secret = keeps_secrets(region)
    specs = {row.pk: known for row in rows if (known := _known(row, secret)) is not None}
    return sum(_look(region, source, rows, specs, until) for source in (UsageLook, CounterLook))


def _look(
    region: Region,
    source: Source,
    rows: Sequence[Instance],
    specs: Mapping[int, tuple[Entry, InstanceSpec]],
    until: datetime,
) -> int:
    looks = _known_looks(source, [row.pk for row in rows])
    since = {row.pk: _since(row, looks.get(row.pk), until) for row in rows}
    ends: dict[datetime, list[Instance]] = {}
    for row in rows:
        if row.pk in specs:
            ends.setdefault(_end(source, since[row.pk], until), []).append(row)
    told: list[Told] = []
    off = False
    try:
        # Whoever has to catch up comes last: where that fails, the others were told.
        for end, those in sorted(ends.items(), reverse=True):
            backend = backend_for(region)
            ask = backend.usage if source is UsageLook else backend.counters
            found = ask([(*specs[row.pk], since[row.pk]) for row in those], end)
            told += [
                Told(row, since[row.pk], end, found[row.public_id])
                for row in those
                if row.public_id in found
            ]
        off = source is CounterLook and bool(ends) and not told
    except BackendError as error:
        said = {"region": region.code, "source": source.__name__, "code": error.code}
        logger.info("usage.look_skipped", extra=said)
    return _keep(region, source, told, until, off=off)


def _end(source: Source, since: datetime, until: datetime) -> datetime:
    """How far a look goes."""
    if source is UsageLook:
        return until
    return min(until, max(since, until - _OLDEST) + _MOST_AT_ONCE)


def _known(row: Instance, with_secrets: bool) -> tuple[Entry, InstanceSpec] | None:
    """None for what left the catalogue: the rest of the region is looked at."""
    try:
        return entry_of(row), spec_of(row, with_secrets=with_secrets)
    except KeyError:
        said = {"instance": row.public_id, "offering": row.offering, "plan": row.plan}
        logger.error("usage.plan_gone", extra=said)  # no bug
        return None


def _known_looks(source: Source, keys: Sequence[int]) -> dict[int, Look]:
    return {look.instance_id: look for look in source.objects.filter(instance__in=keys)}


def _since(row: Instance, look: Look | None, until: datetime) -> datetime:
    if look is not None:
        return look.looked_at
    began = row.created_at.replace(microsecond=0) + timedelta(seconds=1)
    return began if timedelta(0) <= until - began < _NEW else until


@dataclass(frozen=True, slots=True)
class Told:
    """What a look told of an instance."""

    row: Instance
    since: datetime
    until: datetime
    counted: tuple[Counted, ...]


@transaction.atomic
def _keep(
    region: Region, source: Source, told: Sequence[Told], until: datetime, *, off: bool
) -> int:
    """One writer a region: who comes second leaves it, and whatever was looked at meanwhile. Where
    counters are `off`, what is pending is told, and their time goes by.
    """
    with connection.cursor() as cursor:
        cursor.execute("select pg_try_advisory_xact_lock(%s, %s)", [_LOCK, region.pk])
        if not cursor.fetchone()[0]:
            return 0
    known = _known_looks(source, [one.row.pk for one in told])
    events: list[Reported] = []
    written: list[Look] = []
    for one in told:
        look = known.get(one.row.pk) or source(
            instance=one.row, since=one.since, looked_at=one.since
        )
        if look.looked_at == one.since:
            _add(look, one.counted, one.until)
            events += _closed(look, one.row)
            written.append(look)
    events += _closed_for_good(region, source)
    if off:
        for look in source.objects.filter(instance__region=region).select_related("instance"):
            events += [event for event in _events(look, look.instance.public_id) if event.quantity]
            look.since, look.looked_at, look.pending = until, until, {}
            written.append(look)
    if events:
        taken = keep_own(events)
        for fault in taken.rejected:
            extra = {"instance": events[fault.index].subject, "code": fault.code}
            logger.error("usage.not_kept", extra=extra)
    manager: Manager[Any] = source.objects
    manager.bulk_create(
        written,
        update_conflicts=True,
        unique_fields=["instance"],
        update_fields=[*_FIELDS, "kept" if source is UsageLook else "stood"],
    )
    return len(events)


def _add(look: Look, counted: Iterable[Counted], until: datetime) -> None:
    seconds = (until - look.looked_at) // timedelta(seconds=1)
    kept = {}
    if isinstance(look, CounterLook):
        young = look.pk is None and look.looked_at < until
        counted, look.stood = growth(look.stood, counted, from_beginning=young)
    for one in counted:
        amount = one.quantity
        if isinstance(look, UsageLook) and one.kept:
            amount = min(amount, Decimal(look.kept.get(one.meter, "0"))) * seconds
            kept[one.meter] = cloudevents.plain(one.quantity)
        pending = Decimal(look.pending.get(one.meter, "0")) + amount
        look.pending[one.meter] = cloudevents.plain(pending)
    if isinstance(look, UsageLook):
        look.kept = kept
    look.looked_at = until


def _closed(look: Look, row: Instance) -> list[Reported]:
    """The events of what is pending once its hour is over. Nothing is told of nothing, except where
    reports alone say that a service runs.
    """
    if _hour(look.since) == _hour(look.looked_at):
        return []
    told = isinstance(look, UsageLook) and row.offering in by_report()
    events = [event for event in _events(look, row.public_id) if event.quantity or told]
    look.since, look.pending = look.looked_at, {}
    return events


def _closed_for_good(region: Region, source: Source) -> list[Reported]:
    """What is pending of services that were destroyed since."""
    gone = source.objects.filter(instance__region=region, instance__deleted_at__isnull=False)
    looks: list[Any] = list(gone.select_related("instance"))
    gone.delete()
    events = [event for look in looks for event in _events(look, look.instance.public_id)]
    return [event for event in events if event.quantity]


def _events(look: Look, public_id: str) -> list[Reported]:
    return [
        Reported(
            OWN,
            _event_id(public_id, meter, look.since),
            public_id,
            meter,
            look.since,
            look.looked_at,
            Decimal(quantity).quantize(_PLACES, ROUND_HALF_UP),
        )
        for meter, quantity in sorted(look.pending.items())
        if look.since < look.looked_at
    ]


def _event_id(public_id: str, meter: str, start: datetime) -> str:
    """SHA-256 of source, instance, meter, window start and sequence."""
    said = f"{OWN}|{public_id}|{meter}|{start.astimezone(UTC).isoformat()}|0"
    return hashlib.sha256(said.encode()).hexdigest()


def _hour(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
