"""The public status page: the board in words, incidents, history, and the same as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.urls import reverse

from portal.console.badges import Look
from portal.console.catalogue import FAMILIES
from portal.kernel import clock
from portal.status import queries, texts
from portal.status.board import DAYS, Place, Row, board
from services.regions import queries as regions
from services.spec import Family

if TYPE_CHECKING:
    from portal.status.models import Incident, IncidentUpdate, Maintenance

_CSS = {"ok": "ok", "part": "degraded", "bad": "bad", "work": "busy", "none": "hollow"}
_TONES = {"ok": "ok", "part": "warn", "bad": "bad", "work": "info", "none": "warn"}
_INCIDENT_CSS = {
    "investigating": "bad",
    "identified": "degraded",
    "monitoring": "degraded",
    "resolved": "ok",
}
_PUBLIC = {"ok": "ok", "part": "degraded", "bad": "down", "work": "maintenance", "none": "unknown"}


def overview() -> dict[str, Any]:
    """Context of console/status.html."""
    found = board()
    names = {place.region.code: place.region.name for place in found.places}
    return {
        "board": found,
        "tone": _TONES[found.state],
        "summary": texts.summary(found.state),
        "places": [_place(place) for place in found.places],
        "incidents": [_incident(i, found.updates[i.pk], names) for i in found.incidents],
        "works": [_work(work, found.at, names) for work in found.works],
        "days": DAYS,
    }


def incident(public_id: str) -> dict[str, Any]:
    """Context of console/status_incident.html. Raises: NotFound."""
    row = queries.incident(public_id)
    return {"one": _incident(row, queries.updates_of([row])[row.pk], _names())}


def history(month: str) -> dict[str, Any]:
    """Context of console/status_history.html. `month` is YYYY-MM; anything else is this month."""
    now = clock.now()
    start = _month(month) or _first(now)
    end = _first(start + timedelta(days=32))
    rows = queries.incidents_between(start, min(end, now))
    updates, names = queries.updates_of(rows), _names()
    oldest = queries.oldest_at()
    return {
        "month": start,
        "incidents": [_incident(row, updates[row.pk], names) for row in rows],
        "works": [_work(w, now, names) for w in queries.works_between(start, end)],
        "before": _first(start - timedelta(days=1)) if oldest and oldest < start else None,
        "after": end if end <= now else None,
    }


def as_json(root: str) -> dict[str, Any]:
    """The board for programs; docs/api.md describes it. `root` is the address of Polder."""
    found = board()
    return {
        "state": _PUBLIC[found.state],
        "checked_at": _time(found.checked_at),
        "generated_at": _time(found.at),
        "url": root + reverse("console:status"),
        "regions": [_place_json(place) for place in found.places],
        "incidents": [_incident_json(i, found.updates[i.pk], root) for i in found.incidents],
        "maintenance": [_work_json(work, found.at) for work in found.works],
    }


def _place(place: Place) -> dict[str, Any]:
    return {
        "region": place.region,
        "look": Look(_CSS[place.state], texts.state_label(place.state)),
        "silent": place.silent,
        "rows": [_row(row) for row in place.rows],
    }


def _row(row: Row) -> dict[str, Any]:
    return {
        "name": FAMILIES[row.family],
        "look": Look(_CSS[row.state], texts.state_label(row.state)),
        "bars": [(day.state, texts.day_label(day)) for day in row.days],
        "label": texts.days_label(row.days),
        "share": row.share,
        "served": row.served,
    }


def _incident(
    row: Incident, updates: Sequence[IncidentUpdate], names: dict[str, str]
) -> dict[str, Any]:
    end = row.resolved_at or clock.now()
    return {
        "row": row,
        "look": Look(_INCIDENT_CSS[row.state], texts.incident_state_label(row.state)),
        "impact": texts.impact_label(row.impact),
        "where": _where(row, names),
        "lasted": end - row.started_at,
        "updates": [(u, texts.incident_state_label(u.state)) for u in updates],
    }


def _work(row: Maintenance, now: datetime, names: dict[str, str]) -> dict[str, Any]:
    return {
        "row": row,
        "running": row.is_running(now),
        "over": row.is_over(now),
        "where": _where(row, names),
        "start": texts.moment(row.starts_at),
        "end": texts.until(row.starts_at, row.until),
    }


def _where(row: Incident | Maintenance, names: dict[str, str]) -> tuple[list[str], list[str]]:
    """Names of regions and families; an empty list means all of them."""
    families = [str(FAMILIES[Family(f)]) for f in row.families if f in set(Family)]
    return [names.get(code, code) for code in row.regions], families


def _names() -> dict[str, str]:
    return {region.code: region.name for region in regions.regions()}


def _month(text: str) -> datetime | None:
    try:
        found = datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC)
    except ValueError:
        return None
    return found if found <= clock.now() and found.year >= 2000 else None


def _first(moment: datetime) -> datetime:
    """The beginning of its month."""
    utc = moment.astimezone(UTC)
    return utc.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def _place_json(place: Place) -> dict[str, Any]:
    return {
        "code": place.region.code,
        "name": place.region.name,
        "country": place.region.country,
        "state": _PUBLIC[place.state],
        "families": [
            {
                "family": row.family.value,
                "state": _PUBLIC[row.state],
                "available_percent_90_days": _percent(row.share),
                "served_percent_90_days": _percent(row.served),
            }
            for row in place.rows
        ],
    }


def _percent(share: Decimal | None) -> str | None:
    return None if share is None else f"{share:f}"


def _incident_json(row: Incident, updates: Sequence[IncidentUpdate], root: str) -> dict[str, Any]:
    return {
        "id": row.public_id,
        "title": row.title,
        "state": row.state,
        "impact": row.impact,
        "regions": row.regions,
        "families": row.families,
        "started_at": _time(row.started_at),
        "updated_at": _time(row.updated_at),
        "url": root + reverse("console:status-incident", args=[row.public_id]),
        "updates": [{"state": u.state, "text": u.text, "at": _time(u.at)} for u in updates],
    }


def _work_json(row: Maintenance, now: datetime) -> dict[str, Any]:
    return {
        "id": row.public_id,
        "title": row.title,
        "text": row.text,
        "regions": row.regions,
        "families": row.families,
        "starts_at": _time(row.starts_at),
        "ends_at": _time(row.ends_at),
        "running": row.is_running(now),
    }


def _time(moment: datetime | None) -> str | None:
    """RFC 3339 in UTC, as everywhere in the API."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
