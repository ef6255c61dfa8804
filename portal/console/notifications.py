"""The bell, and what a person wants to hear of."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import TYPE_CHECKING, Any

from django.core.paginator import Paginator
from django.utils.translation import gettext as _

from portal.console.settings import frame
from portal.kernel.actor import Actor
from portal.notifications import queries
from portal.notifications.mailing import MOST_A_MINUTE

if TYPE_CHECKING:
    from portal.notifications.models import Notification
    from portal.tenancy.models import Project

_PER_PAGE = 50


def bell(actor: Actor, asked: Mapping[str, str]) -> dict[str, Any]:
    """Context of console/notifications.html. `asked`: unread, page."""
    only_unread = asked.get("unread") == "1"
    rows = queries.notifications_for(actor, unread=only_unread)
    found = Paginator(rows, _PER_PAGE).get_page(asked.get("page"))
    return {
        "only_unread": only_unread,
        "unread": queries.unread_count(actor),
        "found": found,
        "days": _by_day(found),
    }


def _by_day(rows: Any) -> list[tuple[Any, list[dict[str, Any]]]]:
    lines = [_line(row) for row in rows]
    return [(day, list(ones)) for day, ones in groupby(lines, key=lambda line: line["day"])]


def _line(row: Notification) -> dict[str, Any]:
    entry = row.entry
    place = entry.project or entry.organisation
    return {
        "row": row,
        "words": queries.words_of(entry),
        "place": place.name if place else _("Provider"),
        "day": row.created_at.date(),
    }


def choices(actor: Actor, project: Project | None) -> dict[str, Any]:
    """Context of console/settings_notifications.html: kinds in groups, and the tabs of the settings
    for whoever is in a project.
    """
    groups = groupby(queries.choices_for(actor), key=lambda choice: choice.kind.group)
    named = [(_(name), list(ones)) for name, ones in groups]
    around = frame(actor, project, "notifications") if project else {"project": None}
    return around | {"groups": named, "most": MOST_A_MINUTE}
