"""How much of its plan a service takes: charts by the hour, over a day, a week or a month."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import groupby
from typing import TYPE_CHECKING, Any

from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from portal.kernel import clock, formats
from services.instances import utilisation
from services.instances.specs import entry_of
from services.instances.utilisation import Hour

if TYPE_CHECKING:
    from services.instances.models import Instance

# How far back, and how many hours are one point.
_SPANS = {"day": (24, 1), "week": (7 * 24, 4), "month": (30 * 24, 24)}


def metrics(instance: Instance, asked: Mapping[str, str]) -> dict[str, Any]:
    """Context of console/service_metrics.html, beside service.frame. `asked`: span."""
    span = asked.get("span", "")
    span = span if span in _SPANS else "day"
    hours, step = _SPANS[span]
    now = clock.now()
    end = now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    found = utilisation.hours_of(instance, end - timedelta(hours=hours), end)
    off = utilisation.off_because(instance.region)
    return {
        "span": span,
        "spans": [("day", _("24 hours")), ("week", _("7 days")), ("month", _("30 days"))],
        "off": off,
        "charts": _charts(instance, list(_points(found, step, end)), span),
        "measured_at": found[-1].at if found else None,
    }


def _points(hours: Iterable[Hour], step: int, end: datetime) -> Iterable[Hour]:
    """`step` hours as one: averages over all measurements, the highest of all."""
    for _number, some in groupby(hours, key=lambda hour: (end - hour.at - _HOUR) // (step * _HOUR)):
        part = list(some)
        samples = sum(hour.samples for hour in part)
        known = [hour.connections_max for hour in part if hour.connections_max is not None]
        yield Hour(
            at=part[0].at,
            samples=samples,
            cpu=sum(hour.cpu * hour.samples for hour in part) // samples,
            cpu_max=max(hour.cpu_max for hour in part),
            memory=sum(hour.memory * hour.samples for hour in part) // samples,
            memory_max=max(hour.memory_max for hour in part),
            connections_max=max(known) if known else None,
        )


_HOUR = timedelta(hours=1)


def _charts(instance: Instance, points: Sequence[Hour], span: str) -> list[dict[str, Any]]:
    """Arguments of `charts.timeseries`; none with fewer than two points."""
    if len(points) < 2:
        return []
    plan = entry_of(instance).offering.plan(instance.plan)
    times = [_time(point.at, span) for point in points]
    cores, memory = plan.vcpu * 1000, Decimal(plan.memory_mib)
    average, most = _("average"), _("highest minute")

    def shares(value: Callable[[Hour], int], whole: Decimal) -> list[Decimal]:
        return [round(value(point) * 100 / whole, 1) for point in points]

    found: list[dict[str, Any]] = [
        {
            "title": _("CPU, of %(cores)s vCPU") % {"cores": formats.number(plan.vcpu)},
            "unit": "%",
            "times": times,
            "series": [
                (average, shares(lambda point: point.cpu, cores)),
                (most, shares(lambda point: point.cpu_max, cores)),
            ],
            "ident": "chart-cpu",
        },
        {
            "title": _("Memory, of %(size)s GiB")
            % {"size": formats.number(Decimal(plan.memory_mib) / 1024)},
            "unit": "%",
            "times": times,
            "series": [
                (average, shares(lambda point: point.memory, memory)),
                (most, shares(lambda point: point.memory_max, memory)),
            ],
            "ident": "chart-memory",
        },
    ]
    if any(point.connections_max is not None for point in points):
        found.append(
            {
                "title": _("Connections of clients"),
                "unit": "",
                "times": times,
                "series": [(_("most at once"), [point.connections_max or 0 for point in points])],
                "ident": "chart-connections",
            }
        )
    return found


def _time(at: datetime, span: str) -> str:
    """`14:00`, `24 Nov 12:00` or `24 Nov`, in the time zone at hand."""
    if span == "day":
        return formats.clock_time(at)
    day = formats.day_and_month(localtime(at))
    return day if span == "month" else f"{day} {formats.clock_time(at)}"
