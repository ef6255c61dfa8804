"""When maintenance of an instance may begin: some hours on one day of the week or on each, by the
clock of its project.
"""

from __future__ import annotations

import calendar
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

if TYPE_CHECKING:
    from services.instances.models import Instance

HOURS = 4
_WEEK = 7


def is_open(instance: Instance, now: datetime) -> bool:
    """Whether `now` lies in its window; one that began late yesterday still counts."""
    local = now.astimezone(zone_of(instance)).replace(tzinfo=None)
    today = local.replace(hour=instance.window_hour, minute=0, second=0, microsecond=0)
    return any(
        _holds(instance, start) and start <= local < start + timedelta(hours=HOURS)
        for start in (today, today - timedelta(days=1))
    )


def zone_of(instance: Instance) -> ZoneInfo:
    return ZoneInfo(instance.project.time_zone)


def _holds(instance: Instance, start: datetime) -> bool:
    return instance.window_day is None or start.weekday() == instance.window_day


def faults(day: int | None, hour: int) -> dict[str, str]:
    """What is wrong with a window, by field."""
    found = {}
    if day is not None and not 0 <= day < _WEEK:
        found["window_day"] = _("Choose a day of the week, or every day.")
    if not 0 <= hour < 24:
        found["window_hour"] = _("Choose an hour from 0 to 23.")
    return found


def written(instance: Instance) -> str:
    """As commands print it: Sun 02:00–06:00 Europe/Amsterdam."""
    day = "daily" if instance.window_day is None else calendar.day_abbr[instance.window_day]
    begin, end = instance.window_hour, (instance.window_hour + HOURS) % 24
    return f"{day} {begin:02}:00–{end:02}:00 {instance.project.time_zone}"
