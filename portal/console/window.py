"""The maintenance window of a service, as people read and choose it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from portal.kernel import formats
from services.instances import windows

if TYPE_CHECKING:
    from services.instances.models import Instance

_HOURS = range(24)


def typed(sent: Mapping[str, str]) -> dict[str, Any]:
    """What `services.instances.actions.edit` takes; what was not sent stays."""
    hour = sent.get("window_hour")
    found: dict[str, Any] = {"window_day": sent.get("window_day")}
    return found if hour is None else found | {"window_hour": int(hour) if _is_one(hour) else -1}


def _is_one(hour: str) -> bool:
    return hour.isascii() and hour.isdecimal() and len(hour) <= 2


def choices(instance: Instance) -> dict[str, Any]:
    """For the form: (value, word, chosen) of days and hours."""
    day = windows.day_of(instance)
    return {
        "days": [(value, _word(value), value == day) for value in windows.DAYS],
        "hours": [(hour, f"{hour:02}:00", hour == instance.window_hour) for hour in _HOURS],
        "zone": instance.project.time_zone,
        "length": windows.HOURS,
    }


def shown(instance: Instance) -> dict[str, str]:
    begin, end = windows.hours_of(instance)
    return {"day": _word(windows.day_of(instance)), "begin": begin, "end": end}


def _word(day: str) -> str:
    if day == windows.DAYS[0]:
        return _("Every day")
    name: str = formats.weekday(windows.DAYS.index(day) - 1)
    return name
