"""What the instances of a region take is measured once a minute, by the region's own workers.

One request (or one look at the machine's processes) for all, one read and one write of the rows of
the day. What is measured is kept by the hour and as a histogram of the day; see UtilisationDay.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from django.db import connection, transaction

from portal.kernel import clock
from portal.kernel.errors import BackendError
from services.backends import backend_for
from services.instances.histograms import bucket_of
from services.instances.models import Instance, UtilisationDay
from services.instances.specs import entry_of, spec_of
from services.instances.states import Phase
from services.regions.models import Region
from services.spec import Reading

logger = logging.getLogger(__name__)
KEPT = timedelta(days=400)
HISTOGRAMS_KEPT = timedelta(days=40)  # advice looks back two weeks
_SHORTEST = timedelta(seconds=20)  # between two measurements; a message that came late is one
_LONGEST = timedelta(minutes=5)  # over which processor time may be averaged
_LOCK = 0x7574696C
_AT_ONCE = 500
_ARRAYS = tuple(field.name for field in UtilisationDay._meta.fields if hasattr(field, "base_field"))
_WRITTEN = ("sampled_at", "cpu_milliseconds", "storage_mib", *_ARRAYS)


def sample_region(region_id: int) -> int:
    """How many instances were measured. None of them is an error: the next minute comes."""
    region = Region.objects.get(pk=region_id)
    rows = list(
        Instance.objects.filter(region=region, phase=Phase.RUNNING).select_related(
            "project__organisation", "region"
        )
    )
    if not rows:
        return 0
    specs = [(entry_of(row), spec_of(row, with_secrets=False)) for row in rows]
    try:
        found = backend_for(region).readings(specs)
    except BackendError as error:
        logger.info("utilisation.skipped", extra={"region": region.code, "code": error.code})
        return 0
    measured = [row for row in rows if row.public_id in found]
    return _keep(region, measured, found, clock.now())


@transaction.atomic
def _keep(
    region: Region, rows: Sequence[Instance], found: Mapping[str, Reading], at: datetime
) -> int:
    """One writer a region: who comes second leaves it."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_try_advisory_xact_lock(%s, %s)", [_LOCK, region.pk])
        if not cursor.fetchone()[0]:
            return 0
    keys = [row.pk for row in rows]
    today = {
        day.instance_id: day
        for day in UtilisationDay.objects.filter(instance__in=keys, day=at.date())
    }
    before = _last_of_yesterday(set(keys) - set(today), at)
    written = []
    for row in rows:
        day = today.get(row.pk)
        last = (day.sampled_at, day.cpu_milliseconds) if day else before.get(row.pk)
        if last is not None and at - last[0] < _SHORTEST:
            continue
        day = day or UtilisationDay(instance=row, day=at.date())
        _add(day, found[row.public_id], last, at)
        day.storage_mib = row.storage_used_mib
        written.append(day)
    UtilisationDay.objects.bulk_create(
        written,
        batch_size=_AT_ONCE,
        update_conflicts=True,
        unique_fields=["instance", "day"],
        update_fields=_WRITTEN,
    )
    return len(written)


Last = tuple[datetime, int | None]


def _last_of_yesterday(keys: Iterable[int], at: datetime) -> dict[int, Last]:
    rows = UtilisationDay.objects.filter(
        instance__in=keys, day=at.date() - timedelta(days=1), sampled_at__gte=at - _LONGEST
    )
    listed = rows.values_list("instance_id", "sampled_at", "cpu_milliseconds")
    return {key: (when, used) for key, when, used in listed}


def _add(day: UtilisationDay, reading: Reading, last: Last | None, at: datetime) -> None:
    """Counts only with its processor time, which the first measurement cannot know."""
    cpu = reading.millicores
    if cpu is None:
        cpu = _millicores(reading.cpu_milliseconds, last, at)
    day.sampled_at, day.cpu_milliseconds = at, reading.cpu_milliseconds
    if cpu is None:
        return
    hour, memory = at.hour, reading.memory_mib
    day.samples[hour] += 1
    day.cpu_sum[hour] += cpu
    day.cpu_max[hour] = max(day.cpu_max[hour], cpu)
    day.memory_sum[hour] += memory
    day.memory_max[hour] = max(day.memory_max[hour], memory)
    if reading.connections is not None:
        day.connections_max[hour] = max(day.connections_max[hour], reading.connections)
    _count(day.cpu_buckets, day.cpu_counts, bucket_of(cpu))
    _count(day.memory_buckets, day.memory_counts, bucket_of(memory))


def _millicores(used: int | None, last: Last | None, at: datetime) -> int | None:
    """On average since the last measurement; None after a restart or a long time without one."""
    if used is None or last is None or last[1] is None or used < last[1]:
        return None
    passed = at - last[0]
    if passed > _LONGEST:
        return None
    return (used - last[1]) * 1000 // max(passed // timedelta(milliseconds=1), 1)


def _count(buckets: list[int], counts: list[int], bucket: int) -> None:
    if bucket in buckets:
        counts[buckets.index(bucket)] += 1
    else:
        buckets.append(bucket)
        counts.append(1)


def forget() -> None:
    """Days that are over their time go; histograms before that."""
    today = clock.now().date()
    UtilisationDay.objects.filter(day__lt=today - KEPT).delete()
    old = UtilisationDay.objects.filter(day__lt=today - HISTOGRAMS_KEPT)
    old.exclude(cpu_buckets=[]).update(
        cpu_buckets=[], cpu_counts=[], memory_buckets=[], memory_counts=[]
    )
