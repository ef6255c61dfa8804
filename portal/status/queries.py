"""Reads of what the provider said: for the status page, its feeds, and the forms of staff."""

from __future__ import annotations

from datetime import datetime

from django.db.models import F, Max, Min, Q, QuerySet
from django.utils.translation import gettext as _

from portal.kernel import clock
from portal.kernel.errors import NotFound
from portal.status.models import Announcement, Incident, IncidentUpdate, Maintenance


def incident(public_id: str) -> Incident:
    """Raises: NotFound."""
    found = Incident.objects.filter(public_id=public_id).first()
    if found is None:
        raise NotFound(
            _("There is no incident “%(id)s”.") % {"id": public_id},
            hint=_("See the list of incidents on the status page."),
        )
    return found


def incidents() -> QuerySet[Incident]:
    """All, those that go on first, then the newest."""
    return Incident.objects.order_by(F("resolved_at").desc(nulls_first=True), "-started_at")


def open_incidents() -> list[Incident]:
    """Those that go on, newest first."""
    return list(Incident.objects.filter(resolved_at__isnull=True).order_by("-started_at"))


def incidents_between(start: datetime, end: datetime) -> list[Incident]:
    """Those that went on at some time from `start` to `end`, newest first."""
    rows = Incident.objects.filter(Q(resolved_at__isnull=True) | Q(resolved_at__gt=start))
    return list(rows.filter(started_at__lt=end).order_by("-started_at"))


def updates_of(rows: list[Incident]) -> dict[int, list[IncidentUpdate]]:
    """What was said of each, newest first, by the incident's key. One query."""
    found: dict[int, list[IncidentUpdate]] = {row.pk: [] for row in rows}
    for update in IncidentUpdate.objects.filter(incident__in=found).order_by("-at", "-pk"):
        found[update.incident_id].append(update)
    return found


def latest_updates(count: int) -> list[IncidentUpdate]:
    """What was said last, of all incidents."""
    rows = IncidentUpdate.objects.select_related("incident").order_by("-at", "-pk")
    return list(rows[:count])


def last_said_at() -> datetime | None:
    """When staff last said something of an incident or of planned work. Two queries."""
    work = Maintenance.objects.aggregate(at=Max("updated_at"))["at"]
    update = IncidentUpdate.objects.aggregate(at=Max("at"))["at"]
    return max(filter(None, (work, update)), default=None)


def maintenance(public_id: str) -> Maintenance:
    """Raises: NotFound."""
    found = Maintenance.objects.filter(public_id=public_id).first()
    if found is None:
        raise NotFound(
            _("There is no planned work “%(id)s”.") % {"id": public_id},
            hint=_("See the planned work on the status page."),
        )
    return found


def maintenances() -> QuerySet[Maintenance]:
    """All, the latest first."""
    return Maintenance.objects.order_by("-starts_at")


def planned_work(now: datetime | None = None) -> list[Maintenance]:
    """What runs or is to come, soonest first."""
    rows = Maintenance.objects.filter(
        cancelled_at__isnull=True, ended_at__isnull=True, ends_at__gt=now or clock.now()
    )
    return list(rows.order_by("starts_at"))


def works_between(start: datetime, end: datetime) -> list[Maintenance]:
    """What was planned to begin from `start` to `end`, cancelled work too, newest first."""
    rows = Maintenance.objects.filter(starts_at__gte=start, starts_at__lt=end)
    return list(rows.order_by("-starts_at"))


def works_during(start: datetime, end: datetime) -> list[Maintenance]:
    """Announced work that went on at some time from `start` to `end`, oldest first: announced
    before it began, and not cancelled.
    """
    rows = Maintenance.objects.filter(
        cancelled_at__isnull=True, announced_at__lte=F("starts_at"), starts_at__lt=end
    )
    return [row for row in rows.order_by("starts_at") if row.until > start]


def oldest_at() -> datetime | None:
    """When the first incident or planned work began. Two queries."""
    work = Maintenance.objects.aggregate(at=Min("starts_at"))["at"]
    first = Incident.objects.aggregate(at=Min("started_at"))["at"]
    return min(filter(None, (work, first)), default=None)


def announcement(public_id: str) -> Announcement:
    """Raises: NotFound."""
    rows = Announcement.objects.select_related("organisation")
    found = rows.filter(public_id=public_id).first()
    if found is None:
        raise NotFound(
            _("There is no announcement “%(id)s”.") % {"id": public_id},
            hint=_("See the list of announcements."),
        )
    return found


def announcements() -> QuerySet[Announcement]:
    """All, the newest first, withdrawn and past ones too."""
    return Announcement.objects.select_related("organisation").order_by("-created_at")
