"""The notice strip: what every page of the console says at its top. One notice, the most urgent;
the others are counted.

What is live is read again every few seconds, not for every page; the words are made at read, in the
reader's language.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import Q
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from portal.kernel import clock
from portal.status.models import Announcement, Impact, Incident, Maintenance
from services.instances.models import Instance
from services.regions import health

_FRESH_NANOSECONDS = 5 * 10**9
_AHEAD = timedelta(hours=24)
_RANK = {"bad": 0, "warn": 1, "info": 2}
_OF_IMPACT = {
    Impact.CRITICAL: "bad",
    Impact.MAJOR: "bad",
    Impact.MINOR: "warn",
    Impact.NONE: "info",
}


@dataclass(frozen=True, slots=True)
class Notice:
    """One line: `level` is bad, warn or info; `link` a path or an address, or empty. `incident`
    names the incident that it is about.
    """

    id: str
    level: str
    text: str
    link: str = ""
    incident: str = ""
    dismissible: bool = False


@dataclass(frozen=True, slots=True)
class Strip:
    """What a page shows: one notice, and how many more there are."""

    notice: Notice
    more: int


@dataclass
class _Live:
    """What is, or is about to be, live; of all organisations."""

    announcements: list[Announcement] = field(default_factory=list)
    incidents: list[Incident] = field(default_factory=list)
    works: list[Maintenance] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)  # names of regions that do not answer
    read_at: int = 0

    def current(self) -> _Live:
        if not self.read_at or time.monotonic_ns() - self.read_at > _FRESH_NANOSECONDS:
            self._read(clock.now())
            self.read_at = time.monotonic_ns()
        return self

    def _read(self, now: datetime) -> None:
        lasting = Q(ends_at__isnull=True) | Q(ends_at__gt=now)
        self.announcements = list(
            Announcement.objects.filter(lasting, withdrawn_at__isnull=True).order_by("-starts_at")
        )
        self.incidents = list(
            Incident.objects.filter(resolved_at__isnull=True).order_by("-started_at")
        )
        rows = Maintenance.objects.filter(
            cancelled_at__isnull=True, ended_at__isnull=True, ends_at__gt=now
        )
        self.works = list(rows.filter(starts_at__lt=now + _AHEAD).order_by("starts_at"))
        named = {code for incident in self.incidents for code in incident.regions}
        self.silent = [r.name for r in health.silent_regions(now) if r.code not in named]

    def forget(self) -> None:
        self.read_at = 0


_live = _Live()
forget = _live.forget


def strip_for(
    *,
    organisation_id: int | None = None,
    project_id: int | None = None,
    hidden: Iterable[str] = (),
) -> Strip | None:
    """What to show to somebody who works in this project, without what they have put away
    (`hidden`, public ids). No query while what was read is fresh; one more when an announcement is
    for a region.
    """
    away = set(hidden)
    found = [
        notice
        for notice in _notices(clock.now(), organisation_id, project_id)
        if not (notice.dismissible and notice.id in away)
    ]
    found.sort(key=lambda notice: _RANK[notice.level])
    return Strip(found[0], len(found) - 1) if found else None


def _notices(
    now: datetime, organisation_id: int | None, project_id: int | None
) -> Iterable[Notice]:
    live = _live.current()
    for incident in live.incidents:
        level = _OF_IMPACT[Impact(incident.impact)]
        yield Notice(incident.public_id, level, incident.title, incident=incident.public_id)
    for name in live.silent:
        text = _("%(region)s does not answer at the moment. Operations there wait until it does.")
        yield Notice(f"region-{name}", "warn", text % {"region": name}, "/status/")
    for work in live.works:
        if work.is_over(now):
            continue
        running = work.is_running(now)
        yield Notice(
            work.public_id,
            "warn" if running else "info",
            _work(work, running=running),
            "/status/#planned",
            dismissible=not running,
        )
    for row in _heard(live.announcements, now, organisation_id, project_id):
        yield Notice(row.public_id, row.level, row.text, row.link, dismissible=row.dismissible)


def _heard(
    rows: list[Announcement], now: datetime, organisation_id: int | None, project_id: int | None
) -> list[Announcement]:
    """Those that hold now and are for whoever asks."""
    rows = [r for r in rows if r.starts_at <= now and (r.ends_at is None or now < r.ends_at)]
    codes = {row.region for row in rows if row.region}
    mine: set[str] = set()
    if codes and project_id is not None:
        used = Instance.objects.filter(project_id=project_id, deleted_at__isnull=True)
        used = used.filter(region__code__in=codes).order_by()
        mine = set(used.values_list("region__code", flat=True).distinct())
    audience = Announcement.Audience
    return [
        row
        for row in rows
        if row.audience == audience.ALL
        or (row.audience == audience.REGION and row.region in mine)
        or (row.audience == audience.ORGANISATION and row.organisation_id == organisation_id)
    ]


def _work(work: Maintenance, *, running: bool) -> str:
    """In UTC, as everything that several countries read."""
    params = {
        "title": work.title,
        "start": date_format(localtime(work.starts_at), "j F, H:i e"),
        "end": date_format(localtime(work.until), "H:i e"),
    }
    if running:
        return _("Planned work now: %(title)s, until %(end)s.") % params
    return _("Planned work: %(title)s, %(start)s to %(end)s.") % params
