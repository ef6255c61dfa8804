"""A server's own log: its newest lines, and the part that belongs to an operation.

Every engine writes times in its own way; those of the catalogue are known here. A line without one
belongs to the line before it. Where no line says when it was written, the newest lines are shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.utils.translation import gettext as _

from portal.kernel.actor import Actor
from portal.kernel.errors import BackendError, Unavailable
from portal.tenancy import access
from portal.tenancy.permissions import Permission
from services.backends import backend_for
from services.instances.models import Instance, Operation
from services.instances.specs import entry_of, spec_of

_LINES = 1000
_NEWEST = 200
_BEFORE, _AFTER = timedelta(seconds=1), timedelta(seconds=3)
_HEAD = 80  # characters of a line in which its time stands
_CLOCK = r"(?P<H>\d\d):(?P<M>\d\d):(?P<S>\d\d)(?:[.,](?P<f>\d{1,9}))?"
_FORMS = (
    # 2026-11-25 14:03:12.345 UTC, 2026-11-25T14:03:12.345Z, 2026/11/25 14:03:12.345678
    re.compile(
        rf"(?P<y>\d{{4}})[-/](?P<m>\d\d)[-/](?P<d>\d\d)[T ]{_CLOCK}"
        r"(?:\s?(?P<zone>Z|UTC|GMT|[+-]\d\d:?\d\d))?"
    ),
    # 25 Nov 2026 14:03:12.345 (Valkey)
    re.compile(rf"(?P<d>\d{{1,2}}) (?P<month>[A-Z][a-z]{{2}}) (?P<y>\d{{4}}) {_CLOCK}"),
    # I1125 14:03:12.345678 (glog: the year is that of the operation)
    re.compile(rf"\b[DIWEF](?P<m>\d\d)(?P<d>\d\d) {_CLOCK}"),
)
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


@dataclass(frozen=True, slots=True)
class Part:
    """`timed`: the lines are those of the operation, not just the newest. `reaches_back`: the log
    is still there from the operation's beginning.
    """

    text: str
    timed: bool = True
    reaches_back: bool = True


def logs_of(actor: Actor, instance: Instance, lines: int = 200) -> str:
    """The newest lines of the server's own log. Raises: NotPermitted, Unavailable."""
    access.require(actor, instance.project, Permission.INSTANCE_UPDATE)
    try:
        return backend_for(instance.region).logs(entry_of(instance), spec_of(instance), lines)
    except BackendError as error:
        raise Unavailable(
            _("The region does not answer, so the log cannot be read now."),
            hint=_("Try again in a minute."),
        ) from error


def log_during(actor: Actor, operation: Operation) -> Part:
    """Raises: NotPermitted for whoever may not change the service, Unavailable."""
    text = logs_of(actor, operation.instance, _LINES)
    return part_of(text, operation.created_at, operation.finished_at)


def part_of(text: str, since: datetime, until: datetime | None) -> Part:
    """The lines from a second before `since` to three after `until`."""
    lines = text.splitlines()
    timed = list(_timed(lines, since))
    first = next((moment for moment, _line in timed if moment is not None), None)
    if first is None:
        return Part("\n".join(lines[-_NEWEST:]), timed=False)
    end = until + _AFTER if until else None
    kept = [
        line
        for moment, line in timed
        if moment is not None and moment >= since - _BEFORE and (end is None or moment <= end)
    ]
    return Part("\n".join(kept), reaches_back=bool(kept) or first <= since)


def _timed(lines: list[str], near: datetime) -> Iterator[tuple[datetime | None, str]]:
    last: datetime | None = None
    for line in lines:
        last = moment_of(line, near) or last
        yield last, line


def moment_of(line: str, near: datetime) -> datetime | None:
    """When a line was written; without a zone, in that of this machine."""
    found = next((m for form in _FORMS if (m := form.search(line[:_HEAD]))), None)
    if found is None:
        return None
    parts = found.groupdict()
    month = parts.get("month")
    try:
        naive = datetime(  # its zone comes next
            int(parts.get("y") or near.year),
            _MONTHS.index(month) + 1 if month else int(parts["m"]),
            int(parts["d"]),
            int(parts["H"]),
            int(parts["M"]),
            int(parts["S"]),
            int((parts["f"] or "0").ljust(6, "0")[:6]),
        )
        return _zoned(naive, parts.get("zone") or "")
    except (ValueError, OverflowError):
        return None


def _zoned(naive: datetime, zone: str) -> datetime:
    if not zone:
        return naive.astimezone(UTC)  # as the machine's own clock shows it
    if zone in ("Z", "UTC", "GMT"):
        return naive.replace(tzinfo=UTC)
    return datetime.strptime(f"{naive:%Y-%m-%d %H:%M:%S.%f}{zone}", "%Y-%m-%d %H:%M:%S.%f%z")
