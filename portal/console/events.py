"""What happened to a service, in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from django.core.paginator import Paginator
from django.utils.translation import gettext as _

from services.instances import queries

if TYPE_CHECKING:
    from services.instances.models import Instance, InstanceEvent

FILTERS = ("kind",)
_PER_PAGE = 50
_KINDS = {
    "life": ("ordered", "created", "deleted", "binned", "undeleted", "purged"),
    "changes": ("changed", "upgraded", "rotated", "repaired"),
    "power": (
        *("pause_requested", "paused", "resumed", "cancelled"),
        *("spot_notice", "spot_withdrawn", "spot_resumed"),
    ),
    "faults": ("failed",),
}
_ICONS = {
    "ordered": "plus",
    "created": "check",
    "changed": "sliders-horizontal",
    "upgraded": "sliders-horizontal",
    "pause_requested": "pause",
    "paused": "pause",
    "resumed": "play",
    "rotated": "key-round",
    "deleted": "trash-2",
    "binned": "trash-2",
    "undeleted": "rotate-ccw",
    "purged": "trash-2",
    "failed": "circle-alert",
    "cancelled": "rotate-ccw",
    "repaired": "wrench",
    "spot_notice": "clock",
    "spot_withdrawn": "check",
    "spot_resumed": "play",
}


def events(instance: Instance, asked: Mapping[str, str]) -> dict[str, Any]:
    """Context of console/service_events.html. `asked`: kind, page."""
    kind = asked.get("kind", "")
    rows = queries.events_of(instance)
    if kind in _KINDS:
        rows = rows.filter(code__in=_KINDS[kind])
    found = Paginator(rows, _PER_PAGE).get_page(asked.get("page"))
    words = (
        ("life", _("Order and deletion")),
        ("changes", _("Changes")),
        ("power", _("Pause and resume")),
        ("faults", _("Failures")),
    )
    return {"found": found, "events": event_rows(found), "kind": kind, "kinds": words}


def newest(instance: Instance, count: int = 5) -> list[dict[str, Any]]:
    return event_rows(queries.events_of(instance)[:count])


def event_rows(rows: Iterable[InstanceEvent]) -> list[dict[str, Any]]:
    return [
        {"event": e, "text": event_text(e.code), "icon": _ICONS.get(e.code, "activity")}
        for e in rows
    ]


def event_text(code: str) -> str:
    """An unknown code is shown as it is."""
    return {
        "ordered": _("Ordered"),
        "created": _("Running for the first time"),
        "cancelled": _("Request withdrawn, running on"),
        "changed": _("Settings changed"),
        "upgraded": _("Upgraded"),
        "pause_requested": _("Pause asked for: compute is not billed from here"),
        "paused": _("Paused"),
        "resumed": _("Running again"),
        "rotated": _("Password changed"),
        "deleted": _("Deletion asked for: compute is not billed from here"),
        "binned": _("In the bin"),
        "undeleted": _("Brought back"),
        "purged": _("Destroyed with its data"),
        "failed": _("An operation failed"),
        "repaired": _("Brought back to what is wanted"),
        "spot_notice": _("Told that it will be interrupted in two minutes"),
        "spot_withdrawn": _("Not interrupted after all: there is spare capacity again"),
        "spot_resumed": _("Interruption over: there is spare capacity again"),
    }.get(code, code)
