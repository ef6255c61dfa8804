"""Whether anybody uses a service. Pure.

A database is idle when no client was connected for seven days; anything else, and a database of
which nobody tells the connections, when no minute of fourteen days took 5 % of its processors. A
service with clients is used, whatever it does.

Source: shared design, billing 1.9 (idle).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.instances.utilisation import Day, Hour
from services.spec import Plan

RULE, VERSION = "idle", 1
WITHOUT_CLIENTS, WITHOUT_WORK = timedelta(days=7), timedelta(days=14)
_MEASURED_PERCENT = 90  # of the hours, so that a gap is not taken for silence
_CPU_PERCENT = 5


@dataclass(frozen=True, slots=True)
class Idle:
    """`because`: no-clients, no-work. `cpu_percent` is the busiest minute's."""

    because: str
    days: int
    hours: int
    cpu_percent: int
    confidence: str


def idle(days: Sequence[Day], now: datetime, plan: Plan, *, database: bool) -> Idle | None:
    hours = [hour for day in days for hour in day.hours]
    recent = _measured(hours, now, WITHOUT_CLIENTS)
    clients = [hour.connections_max for hour in recent]
    if database and recent and None not in clients:
        if any(clients):
            return None
        return Idle("no-clients", WITHOUT_CLIENTS.days, len(recent), _busiest(recent, plan), "high")
    longer = _measured(hours, now, WITHOUT_WORK)
    if not longer or any(hour.connections_max for hour in longer):
        return None
    busiest = _busiest(longer, plan)
    if busiest >= _CPU_PERCENT:
        return None
    known = all(hour.connections_max == 0 for hour in longer)
    return Idle("no-work", WITHOUT_WORK.days, len(longer), busiest, "high" if known else "medium")


def _measured(hours: Sequence[Hour], now: datetime, span: timedelta) -> list[Hour]:
    """The hours that are over, of the last `span`; none where too few were measured."""
    end = now.replace(minute=0, second=0, microsecond=0)
    found = [hour for hour in hours if end - span <= hour.at < end]
    wanted = span // timedelta(hours=1) * _MEASURED_PERCENT // 100
    return found if len(found) >= wanted else []


def _busiest(hours: Sequence[Hour], plan: Plan) -> int:
    return max(hour.cpu_max for hour in hours) * 100 // int(plan.vcpu * 1000)
