"""The notice strip: what every page of the console says at its top. One notice, the most urgent;
the others are counted.

What is live is read again every few seconds, not for every page; the words are made at read, in the
reader's language.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q
from django.utils.translation import gettext as _

from portal.kernel import clock
from portal.status import queries, texts
from portal.status.fresh import Fresh
from portal.status.models import Announcement, Impact, Incident, Maintenance
from services.instances.models import Instance
from services.regions import health
from services.regions.models import Region

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
    """One line. `kind` is incident, region, work or announcement, `id` the public name of that;
    `level` bad, warn or info. `link` is an announcement's own: a path, an address, or empty.
    """

    kind: str
    id: str
    level: str
    text: str
    link: str = ""
    dismissible: bool = False


@dataclass(frozen=True, slots=True)
class Strip:
    """What a page shows: one notice, and how many more there are."""

    notice: Notice
    more: int


@dataclass(frozen=True, slots=True)
class _Live:
    """What is, or is about to be, live; of all organisations."""

    announcements: list[Announcement]
    incidents: list[Incident]
    works: list[Maintenance]
    silent: list[Region]  # nobody has opened an incident about them yet


def _read() -> _Live:
    now = clock.now()
    lasting = Q(ends_at__isnull=True) | Q(ends_at__gt=now)
    said = Announcement.objects.filter(lasting, withdrawn_at__isnull=True).order_by("-starts_at")
    incidents = queries.open_incidents()
    works = [work for work in queries.planned_work(now) if work.starts_at < now + _AHEAD]
    named = {code for incident in incidents for code in incident.regions}
    silent = [region for region in health.silent_regions(now) if region.code not in named]
    return _Live(list(said), incidents, works, silent)


_live = Fresh(_read, seconds=5)
forget = _live.forget


def notices_for(
    *, organisation_id: int | None = None, project_id: int | None = None
) -> list[Notice]:
    """What holds now for somebody who works in this project, the most urgent first. No query while
    what was read is fresh; one when an announcement is for a region.
    """
    found = list(_notices(clock.now(), organisation_id, project_id))
    return sorted(found, key=lambda notice: _RANK[notice.level])


def strip_of(notices: Iterable[Notice], hidden: Iterable[str] = ()) -> Strip | None:
    """What to show at the top, without what the reader has put away (`hidden`, ids)."""
    away = set(hidden)
    found = [n for n in notices if not (n.dismissible and n.id in away)]
    return Strip(found[0], len(found) - 1) if found else None


def _notices(
    now: datetime, organisation_id: int | None, project_id: int | None
) -> Iterable[Notice]:
    live = _live()
    for incident in live.incidents:
        level = _OF_IMPACT[Impact(incident.impact)]
        yield Notice("incident", incident.public_id, level, incident.title)
    for region in live.silent:
        text = _("%(region)s does not answer at the moment. Operations there wait until it does.")
        yield Notice("region", region.code, "warn", text % {"region": region.name})
    for work in live.works:
        if work.is_over(now):
            continue
        running = work.is_running(now)
        level, text = "warn" if running else "info", _work(work, running=running)
        yield Notice("work", work.public_id, level, text, dismissible=not running)
    for row in _heard(live.announcements, now, organisation_id, project_id):
        away = row.dismissible
        yield Notice("announcement", row.public_id, row.level, row.text, row.link, away)


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
    end = texts.until(work.starts_at, work.until)
    params = {"title": work.title, "start": texts.moment(work.starts_at), "end": end}
    if running:
        return _("Planned work now: %(title)s, until %(end)s.") % params
    return _("Planned work: %(title)s, %(start)s to %(end)s.") % params
