"""What staff says to the public: incidents, maintenance, announcements. Every act is audited on the
provider's chain.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils.translation import gettext as _

from portal.audit.actions import PROVIDER, record
from portal.kernel import clock
from portal.kernel.actor import Actor
from portal.kernel.errors import Conflict
from portal.status import faults, strip
from portal.status.board import board
from portal.status.models import Announcement, Impact, Incident, IncidentUpdate, Maintenance
from portal.status.permissions import require_staff

if TYPE_CHECKING:
    from portal.tenancy.models import Organisation

_State = Incident.State


@transaction.atomic
def open_incident(
    *,
    actor: Actor,
    title: str,
    text: str,
    impact: str = Impact.MINOR,
    state: str = _State.INVESTIGATING,
    regions: Iterable[str] = (),
    families: Iterable[str] = (),
    started_at: datetime | None = None,
) -> Incident:
    """Makes an incident public, with its first update. No region or family means all of them.

    Raises: NotPermitted, Invalid.
    """
    require_staff(actor)
    now = clock.now()
    wanted_regions, wanted_families = sorted(set(regions)), sorted(set(families))
    found = faults.words(title, text) | faults.places(wanted_regions, wanted_families)
    found |= faults.one_of("impact", impact, Impact.values)
    found |= faults.one_of("state", state, [s for s in _State.values if s != _State.RESOLVED])
    if started_at is not None and started_at > now:
        found["started_at"] = _("An incident cannot begin in the future: plan maintenance.")
    faults.refuse(found)
    incident = Incident.objects.create(
        title=title.strip(),
        state=state,
        impact=impact,
        regions=wanted_regions,
        families=wanted_families,
        started_at=started_at or now,
        updated_at=now,
        created_at=now,
    )
    IncidentUpdate.objects.create(incident=incident, state=state, text=text.strip(), at=now)
    _record(actor, "incident.open", incident, after={**_shown(incident), "text": text.strip()})
    return incident


@transaction.atomic
def update_incident(
    *,
    actor: Actor,
    incident: Incident,
    text: str,
    state: str | None = None,
    impact: str | None = None,
    regions: Iterable[str] | None = None,
    families: Iterable[str] | None = None,
) -> IncidentUpdate:
    """Says more about an incident. What is None stays. A resolved one can be told more about (the
    cause, once it is known) and, with another state, is open again.

    Raises: NotPermitted, Invalid.
    """
    require_staff(actor)
    row = Incident.objects.select_for_update().get(pk=incident.pk)
    before, now = _shown(row), clock.now()
    row.state = row.state if state is None else state
    row.impact = row.impact if impact is None else impact
    row.regions = row.regions if regions is None else sorted(set(regions))
    row.families = row.families if families is None else sorted(set(families))
    added = set(row.regions) - set(before["regions"])  # an old region may be gone by now
    found = faults.body(text) | faults.places(added, row.families)
    found |= faults.one_of("impact", row.impact, Impact.values)
    found |= faults.one_of("state", row.state, _State.values)
    faults.refuse(found)
    if row.state == _State.RESOLVED:
        row.resolved_at = row.resolved_at or now
    else:
        row.resolved_at = None
    row.updated_at = now
    row.save()
    update = IncidentUpdate.objects.create(incident=row, state=row.state, text=text.strip(), at=now)
    after = {**_shown(row), "text": update.text}
    _record(actor, "incident.update", row, before=before, after=after)
    return update


def resolve_incident(*, actor: Actor, incident: Incident, text: str) -> IncidentUpdate:
    """Ends an incident: `text` says the cause and what was repaired. Raises: NotPermitted,
    Invalid.
    """
    return update_incident(actor=actor, incident=incident, text=text, state=_State.RESOLVED)


@transaction.atomic
def schedule_maintenance(
    *,
    actor: Actor,
    title: str,
    text: str,
    starts_at: datetime,
    ends_at: datetime,
    regions: Iterable[str] = (),
    families: Iterable[str] = (),
) -> Maintenance:
    """Announces planned work. No region or family means all of them. Raises: NotPermitted,
    Invalid.
    """
    require_staff(actor)
    now = clock.now()
    wanted_regions, wanted_families = sorted(set(regions)), sorted(set(families))
    found = faults.words(title, text) | faults.places(wanted_regions, wanted_families)
    faults.refuse(found | faults.span(starts_at, ends_at, now))
    row = Maintenance.objects.create(
        title=title.strip(),
        text=text.strip(),
        regions=wanted_regions,
        families=wanted_families,
        starts_at=starts_at,
        ends_at=ends_at,
        announced_at=now,
        updated_at=now,
    )
    _record(actor, "maintenance.schedule", row, after=_plan(row))
    return row


@transaction.atomic
def change_maintenance(
    *,
    actor: Actor,
    maintenance: Maintenance,
    title: str | None = None,
    text: str | None = None,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
) -> Maintenance:
    """Moves or rewords planned work that is not over. What is None stays.

    Raises: NotPermitted, Invalid, Conflict.
    """
    require_staff(actor)
    row = _maintenance_to_change(maintenance)
    before, now = _plan(row), clock.now()
    row.title = row.title if title is None else title.strip()
    row.text = row.text if text is None else text.strip()
    row.starts_at = starts_at or row.starts_at
    row.ends_at = ends_at or row.ends_at
    faults.refuse(faults.words(row.title, row.text) | faults.span(row.starts_at, row.ends_at, now))
    row.updated_at = now
    row.save()
    _record(actor, "maintenance.change", row, before=before, after=_plan(row))
    return row


@transaction.atomic
def cancel_maintenance(*, actor: Actor, maintenance: Maintenance) -> Maintenance:
    """Takes planned work back; it stays in the history as cancelled. Raises: NotPermitted,
    Conflict.
    """
    require_staff(actor)
    row = _maintenance_to_change(maintenance)
    row.cancelled_at = row.updated_at = clock.now()
    row.save()
    _record(actor, "maintenance.cancel", row, before=_plan(row))
    return row


@transaction.atomic
def end_maintenance(*, actor: Actor, maintenance: Maintenance) -> Maintenance:
    """Says that running work is done before its time. Raises: NotPermitted, Conflict."""
    require_staff(actor)
    row, now = _maintenance_to_change(maintenance), clock.now()
    if not row.is_running(now):
        raise Conflict(
            _("“%(title)s” has not begun.") % {"title": row.title},
            hint=_("Cancel it instead."),
        )
    row.ended_at = row.updated_at = now
    row.save()
    _record(actor, "maintenance.end", row, before=_plan(row))
    return row


@transaction.atomic
def announce(
    *,
    actor: Actor,
    text: str,
    level: str = Announcement.Level.INFO,
    audience: str = Announcement.Audience.ALL,
    region: str = "",
    organisation: Organisation | None = None,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
    link: str = "",
    dismissible: bool = False,
) -> Announcement:
    """Shows a notice at the top of the console, from now or `starts_at` until `ends_at` or until it
    is withdrawn. `region` or `organisation` goes with the audience of that name.

    Raises: NotPermitted, Invalid.
    """
    require_staff(actor)
    now = clock.now()
    begins = starts_at or now
    found = faults.notice(text) | faults.link(link) | faults.span(begins, ends_at, now)
    found |= faults.one_of("level", level, Announcement.Level.values)
    found |= faults.one_of("audience", audience, Announcement.Audience.values)
    found |= faults.listeners(audience, region, organisation)
    faults.refuse(found)
    row = Announcement.objects.create(
        text=text.strip(),
        level=level,
        audience=audience,
        region=region,
        organisation=organisation,
        link=link,
        dismissible=dismissible,
        starts_at=begins,
        ends_at=ends_at,
        created_at=now,
    )
    after = {"text": row.text, "level": str(level), "audience": str(audience), "region": region}
    after["organisation"] = organisation.slug if organisation else ""
    _record(actor, "announcement.make", row, after=after)
    return row


@transaction.atomic
def withdraw_announcement(*, actor: Actor, announcement: Announcement) -> Announcement:
    """Takes a notice down at once. Raises: NotPermitted, Conflict."""
    require_staff(actor)
    row = Announcement.objects.select_for_update().get(pk=announcement.pk)
    if row.withdrawn_at is not None:
        raise Conflict(
            _("This announcement was withdrawn already."),
            hint=_("Load the page again to see what is shown now."),
        )
    row.withdrawn_at = clock.now()
    row.save()
    _record(actor, "announcement.withdraw", row, before={"text": row.text})
    return row


def _maintenance_to_change(maintenance: Maintenance) -> Maintenance:
    row = Maintenance.objects.select_for_update().get(pk=maintenance.pk)
    if row.is_over(clock.now()):
        raise Conflict(
            _("“%(title)s” is over.") % {"title": row.title},
            hint=_("Schedule new maintenance."),
        )
    return row


def _shown(incident: Incident) -> dict[str, Any]:
    return {
        "title": incident.title,
        "state": str(incident.state),
        "impact": str(incident.impact),
        "regions": list(incident.regions),
        "families": list(incident.families),
    }


def _plan(row: Maintenance) -> dict[str, Any]:
    return {
        "title": row.title,
        "text": row.text,
        "regions": list(row.regions),
        "families": list(row.families),
        "starts_at": row.starts_at.isoformat(),
        "ends_at": row.ends_at.isoformat(),
    }


def _record(
    actor: Actor, verb: str, row: Incident | Maintenance | Announcement, **change: Any
) -> None:
    record(actor, verb, verb.partition(".")[0], row.public_id, chain=PROVIDER, **change)
    strip.forget()
    board.forget()
