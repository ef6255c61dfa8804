"""Days as they would be measured, made from what each minute of their hours took."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from services.instances.histograms import bucket_of
from services.instances.models import Instance, UtilisationDay
from services.instances.utilisation import Day, Hour

TODAY = date(2026, 10, 20)
NOW = datetime.combine(TODAY, time(12), UTC)
Takes = Callable[[datetime], int]


def always(value: Any) -> Callable[[datetime], Any]:
    return lambda at: value


_CPU, _MEMORY, _CLIENTS = always(100), always(512), always(3)


def counted(values: list[int]) -> dict[int, int]:
    found: dict[int, int] = {}
    for value in values:
        found[bucket_of(value)] = found.get(bucket_of(value), 0) + 60
    return found


def days(
    count: int = 15,
    *,
    cpu: Takes = _CPU,
    memory: Takes = _MEMORY,
    clients: Callable[[datetime], int | None] = _CLIENTS,
    storage: int | None = 1024,
    hours: range = range(24),
) -> list[Day]:
    """The last `count` days up to today, each hour measured sixty times at the same value."""
    return [
        _day(TODAY - timedelta(days=ago), cpu, memory, clients, storage, hours)
        for ago in reversed(range(count))
    ]


def _day(
    day: date, cpu: Takes, memory: Takes, clients: Any, storage: int | None, hours: range
) -> Day:
    times = [datetime.combine(day, time(hour), UTC) for hour in hours]
    made = tuple(
        Hour(at, 60, cpu(at), cpu(at), memory(at), memory(at), clients(at)) for at in times
    )
    return Day(
        day,
        made,
        counted([cpu(at) for at in times]),
        counted([memory(at) for at in times]),
        storage,
    )


def measured(
    instance: Instance,
    *,
    cpu: int = 100,
    memory: int = 512,
    clients: int = 3,
    count: int = 15,
    until: datetime = NOW,
) -> Instance:
    """As `services.instances.sampling` would have kept it."""
    UtilisationDay.objects.bulk_create(
        UtilisationDay(
            instance=instance,
            day=until.date() - timedelta(days=ago),
            sampled_at=until,
            storage_mib=1024,
            samples=[60] * 24,
            cpu_sum=[60 * cpu] * 24,
            cpu_max=[cpu] * 24,
            memory_sum=[60 * memory] * 24,
            memory_max=[memory] * 24,
            connections_max=[clients] * 24,
            cpu_buckets=[bucket_of(cpu)],
            cpu_counts=[1440],
            memory_buckets=[bucket_of(memory)],
            memory_counts=[1440],
        )
        for ago in range(count)
    )
    return instance
