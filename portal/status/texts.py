"""The words of the status page, in the reader's language. Rows hold codes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

from portal.kernel import formats

if TYPE_CHECKING:
    from portal.status.days import Day

_STATES = {
    "ok": gettext_noop("Runs normally"),
    "part": gettext_noop("Degraded"),
    "bad": gettext_noop("Down"),
    "work": gettext_noop("Planned work"),
    "none": gettext_noop("No data"),
}
_SUMMARIES = {
    "ok": gettext_noop("Everything runs normally."),
    "part": gettext_noop("Some services are degraded."),
    "bad": gettext_noop("Some services are down."),
    "work": gettext_noop("Planned work is going on."),
    "none": gettext_noop("There is no fresh data."),
}
_INCIDENT_STATES = {
    "investigating": gettext_noop("Investigating"),
    "identified": gettext_noop("Cause found"),
    "monitoring": gettext_noop("Repaired, being watched"),
    "resolved": gettext_noop("Resolved"),
}
_IMPACTS = {
    "none": gettext_noop("No impact"),
    "minor": gettext_noop("Minor: slower or partly unavailable"),
    "major": gettext_noop("Major: much is unavailable"),
    "critical": gettext_noop("Critical: unavailable"),
}
_LEVELS = {
    "info": gettext_noop("Information"),
    "warn": gettext_noop("Warning"),
    "bad": gettext_noop("Urgent"),
}
_AUDIENCES = {
    "all": gettext_noop("Everybody, visitors too"),
    "region": gettext_noop("Whoever has services in a region"),
    "organisation": gettext_noop("One organisation"),
}


def state_label(state: str) -> str:
    """Of a region or family: ok, part, bad, work, none."""
    return _(_STATES[state])


def summary(state: str) -> str:
    """Of everything, as one sentence."""
    return _(_SUMMARIES[state])


def incident_state_label(state: str) -> str:
    return _(_INCIDENT_STATES.get(state, state))


def impact_label(impact: str) -> str:
    return _(_IMPACTS.get(impact, impact))


def audience_label(audience: str) -> str:
    return _(_AUDIENCES.get(audience, audience))


def incident_states() -> list[tuple[str, str]]:
    """Codes and labels, for a form; so are the next three."""
    return [(code, _(text)) for code, text in _INCIDENT_STATES.items()]


def impacts() -> list[tuple[str, str]]:
    return [(code, _(text)) for code, text in _IMPACTS.items()]


def levels() -> list[tuple[str, str]]:
    return [(code, _(text)) for code, text in _LEVELS.items()]


def audiences() -> list[tuple[str, str]]:
    return [(code, _(text)) for code, text in _AUDIENCES.items()]


def days_label(days: Sequence[Day]) -> str:
    """The bars in words: how many days of which kind."""
    counts = {state: sum(day.state == state for day in days) for state in _STATES}
    parts = [
        ngettext("%(n)d day without trouble", "%(n)d days without trouble", counts["ok"])
        % {"n": counts["ok"]}
    ]
    if counts["part"]:
        some = ngettext("%(n)d with some", "%(n)d with some", counts["part"])
        parts.append(some % {"n": counts["part"]})
    if counts["bad"]:
        much = ngettext("%(n)d with an hour or more", "%(n)d with an hour or more", counts["bad"])
        parts.append(much % {"n": counts["bad"]})
    if counts["none"]:
        nothing = ngettext("%(n)d without data", "%(n)d without data", counts["none"])
        parts.append(nothing % {"n": counts["none"]})
    return ", ".join(parts)


def day_label(day: Day) -> str:
    """What a bar says that is not plain green: `12 November: down for 8 minutes`."""
    minutes = -(-int(day.down.total_seconds()) // 60)
    params = {"day": formats.day_of_year(day.day), "minutes": minutes}
    if day.state == "none":
        return _("%(day)s: no data") % params
    if day.down:
        words = ngettext(
            "%(day)s: down for %(minutes)d minute",
            "%(day)s: down for %(minutes)d minutes",
            minutes,
        )
        return words % params
    if day.incident:
        return _("%(day)s: a minor incident") % params
    return ""


def moment(value: datetime) -> str:
    """`25 November, 14:02 UTC`: everybody reads the same clock."""
    with timezone.override(UTC):
        return f"{formats.day_of_year(value)}, {formats.clock_time(value)} UTC"


def until(start: datetime, end: datetime) -> str:
    """The second half of `from … to …`: without the day when it is the same one."""
    first, last = start.astimezone(UTC), end.astimezone(UTC)
    return f"{last:%H:%M} UTC" if first.date() == last.date() else moment(end)
