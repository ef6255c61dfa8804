"""Incidents and planned work: what the public status page says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from django.core.paginator import Paginator
from django.urls import reverse
from django.utils.translation import gettext as _

from portal.console import status as public
from portal.console.catalogue import FAMILIES
from portal.console.staff.typed import moment, needed_moment, shown
from portal.kernel import clock
from portal.kernel.actor import Actor
from portal.status import actions, queries, texts
from services.regions import oversight as places
from services.registry import catalogue

if TYPE_CHECKING:
    from portal.status.models import Incident, IncidentUpdate, Maintenance

_PER_PAGE = 20
Sent = Mapping[str, str]


def overview(page: str | None) -> dict[str, Any]:
    """Context of console/staff/incidents.html."""
    found = Paginator(queries.incidents(), _PER_PAGE).get_page(page)
    now = clock.now()
    return {
        "found": found,
        "rows": [
            (row, texts.incident_state_label(row.state), texts.impact_label(row.impact))
            for row in found
        ],
        "works": [(work, work.is_running(now)) for work in queries.planned_work(now)],
    }


def _crumbs() -> list[tuple[str, str]]:
    return [(_("Incidents"), reverse("console:staff-incidents"))]


def _places(actor: Actor, regions: Sequence[str], families: Sequence[str]) -> dict[str, Any]:
    """Boxes for regions and families, with what is ticked."""
    offered = {entry.offering.family for entry in catalogue()}
    shown_regions = [region for region in places.regions(actor) if region.status != "off"]
    return {
        "regions": [(r.code, r.name, r.code in regions) for r in shown_regions],
        "families": [(code, FAMILIES[code], code in families) for code in sorted(offered)],
    }


# -- incidents -------------------------------------------------------------------------------------


def new_incident(
    actor: Actor, sent: Sent, regions: Sequence[str], families: Sequence[str], errors: Sent
) -> dict[str, Any]:
    """Context of console/staff/incident_new.html."""
    return _places(actor, regions, families) | {
        "crumbs": _crumbs(),
        "sent": sent,
        "errors": errors,
        "states": [state for state in texts.incident_states() if state[0] != "resolved"],
        "impacts": texts.impacts(),
    }


def open_incident(
    actor: Actor, sent: Sent, regions: Sequence[str], families: Sequence[str]
) -> Incident:
    """Raises: Invalid."""
    return actions.open_incident(
        actor=actor,
        title=sent.get("title", ""),
        text=sent.get("text", ""),
        impact=sent.get("impact", ""),
        state=sent.get("state", ""),
        regions=regions,
        families=families,
        started_at=moment(sent, "started_at"),
    )


def incident(actor: Actor, found: Incident, sent: Sent, errors: Sent) -> dict[str, Any]:
    """Context of console/staff/incident.html."""
    return public.incident(found.public_id) | {
        "crumbs": _crumbs(),
        "incident": found,
        "sent": {"state": found.state, "impact": found.impact, **sent},
        "errors": errors,
        "states": texts.incident_states(),
        "impacts": texts.impacts(),
    }


def update(actor: Actor, found: Incident, sent: Sent) -> IncidentUpdate:
    """Raises: Invalid."""
    return actions.update_incident(
        actor=actor,
        incident=found,
        text=sent.get("text", ""),
        state=sent.get("state"),
        impact=sent.get("impact"),
    )


# -- planned work ----------------------------------------------------------------------------------


def new_work(
    actor: Actor, sent: Sent, regions: Sequence[str], families: Sequence[str], errors: Sent
) -> dict[str, Any]:
    """Context of console/staff/work_new.html."""
    return _places(actor, regions, families) | {
        "crumbs": _crumbs(),
        "sent": sent,
        "errors": errors,
    }


def plan(actor: Actor, sent: Sent, regions: Sequence[str], families: Sequence[str]) -> Maintenance:
    """Raises: Invalid."""
    return actions.schedule_maintenance(
        actor=actor,
        title=sent.get("title", ""),
        text=sent.get("text", ""),
        starts_at=needed_moment(sent, "starts_at"),
        ends_at=needed_moment(sent, "ends_at"),
        regions=regions,
        families=families,
    )


def work(found: Maintenance, sent: Sent, errors: Sent) -> dict[str, Any]:
    """Context of console/staff/work.html."""
    now = clock.now()
    kept = {"title": found.title, "text": found.text}
    kept |= {"starts_at": shown(found.starts_at), "ends_at": shown(found.ends_at)}
    return {
        "crumbs": _crumbs(),
        "work": found,
        "running": found.is_running(now),
        "over": found.is_over(now),
        "sent": kept | dict(sent),
        "errors": errors,
    }


def change(actor: Actor, found: Maintenance, sent: Sent) -> Maintenance:
    """Raises: Invalid, Conflict."""
    return actions.change_maintenance(
        actor=actor,
        maintenance=found,
        title=sent.get("title", ""),
        text=sent.get("text", ""),
        starts_at=needed_moment(sent, "starts_at"),
        ends_at=needed_moment(sent, "ends_at"),
    )
