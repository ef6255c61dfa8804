"""When maintenance of an instance may begin: some hours on one day of the week or on each, by the
clock of its project.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

if TYPE_CHECKING:
    from services.instances.models import Instance

DAYS = (
    "every-day",
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
)
HOURS = 4
_DAY = 24


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


def day_of(instance: Instance) -> str:
    return day_called(instance.window_day)


def day_called(number: int | None) -> str:
    """One of DAYS; Monday is 0."""
    return DAYS[0] if number is None else DAYS[number + 1]


def put(instance: Instance, day: str | None, hour: int | None) -> dict[str, str]:
    """Onto the row, not saved; what is None stays. What is wrong, by field; nothing is put then."""
    faults = {}
    if day is not None and day not in DAYS:
        faults["window_day"] = _("Choose a day of the week, or every day.")
    if hour is not None and not 0 <= hour < _DAY:
        faults["window_hour"] = _("Choose an hour from 0 to 23.")
    if not faults and day is not None:
        instance.window_day = DAYS.index(day) - 1 if day != DAYS[0] else None
    if not faults and hour is not None:
        instance.window_hour = hour
    return faults


def hours_of(instance: Instance) -> tuple[str, str]:
    """As 02:00 and 06:00."""
    begin, end = instance.window_hour, (instance.window_hour + HOURS) % _DAY
    return f"{begin:02}:00", f"{end:02}:00"


def written(instance: Instance) -> str:
    """As commands print it: sunday 02:00–06:00 Europe/Amsterdam."""
    begin, end = hours_of(instance)
    return f"{day_of(instance)} {begin}–{end} {instance.project.time_zone}"
