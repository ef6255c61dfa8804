"""What instances took of their plans, read: by the hour for charts, by the day for advice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

from services.instances.histograms import Counts
from services.instances.models import Instance, UtilisationDay
from services.regions.models import Region

if TYPE_CHECKING:
    from collections.abc import Collection

LONGEST_DAYS = 31  # of hours at once


@dataclass(frozen=True, slots=True)
class Hour:
    """Measured `samples` times: thousandths of a processor and MiB on average and at most, and the
    most connections (None where nobody told). Of the busiest node.
    """

    at: datetime
    samples: int
    cpu: int
    cpu_max: int
    memory: int
    memory_max: int
    connections_max: int | None


@dataclass(frozen=True, slots=True)
class Day:
    """The hours of a day that were measured, and the histograms of its measurements."""

    day: date
    hours: tuple[Hour, ...]
    cpu: Counts
    memory: Counts
    storage_mib: int | None


def hours_of(instance: Instance, first: datetime, end: datetime) -> list[Hour]:
    """Of [`first`, `end`), oldest first; hours without a measurement are left out. One query."""
    rows = UtilisationDay.objects.filter(
        instance=instance, day__gte=first.date(), day__lte=end.date()
    )
    return [hour for row in rows.order_by("day") for hour in _hours(row) if first <= hour.at < end]


def days_of(instances: Collection[int], first: date) -> dict[int, list[Day]]:
    """From `first` on, oldest first, by the key of the instance. One query."""
    rows = UtilisationDay.objects.filter(instance__in=instances, day__gte=first)
    found: dict[int, list[Day]] = {}
    for row in rows.order_by("instance", "day").iterator(chunk_size=500):
        found.setdefault(row.instance_id, []).append(_day(row))
    return found


def off_because(region: Region) -> str:
    """The code of the reason why nothing is measured there; empty where it is."""
    if region.backend == Region.Backend.KUBERNETES and region.facts.get("metrics") == "":
        return "metrics-not-served"
    return ""


def _day(row: UtilisationDay) -> Day:
    return Day(
        row.day,
        tuple(_hours(row)),
        _counts(row.cpu_buckets, row.cpu_counts),
        _counts(row.memory_buckets, row.memory_counts),
        row.storage_mib,
    )


def _counts(buckets: Iterable[int], counts: Iterable[int]) -> Counts:
    return dict(zip(buckets, counts, strict=True))


def _hours(row: UtilisationDay) -> Iterator[Hour]:
    midnight = datetime.combine(row.day, time(), UTC)
    for number, samples in enumerate(row.samples):
        if samples:
            connections = row.connections_max[number]
            yield Hour(
                at=midnight + timedelta(hours=number),
                samples=samples,
                cpu=row.cpu_sum[number] // samples,
                cpu_max=row.cpu_max[number],
                memory=row.memory_sum[number] // samples,
                memory_max=row.memory_max[number],
                connections_max=connections if connections >= 0 else None,
            )
