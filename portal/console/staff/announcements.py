"""Announcements: what the notice strip says, to whom and how long."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.core.paginator import Paginator
from django.utils.translation import gettext as _

from portal.console.staff.typed import moment
from portal.kernel import clock
from portal.kernel.actor import Actor
from portal.kernel.errors import Invalid
from portal.status import actions, queries, texts
from portal.tenancy import oversight
from services.regions import oversight as places

if TYPE_CHECKING:
    from portal.status.models import Announcement

_PER_PAGE = 20


def page_of(
    actor: Actor,
    page: str | None,
    sent: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Context of console/staff/announcements.html."""
    found = Paginator(queries.announcements(), _PER_PAGE).get_page(page)
    return {
        "found": found,
        "rows": [(row, *_state(row), _audience(row)) for row in found],
        "levels": texts.levels(),
        "audiences": texts.audiences(),
        "regions": [region for region in places.regions(actor) if region.status != "off"],
        "sent": sent or {"level": "info", "audience": "all", "dismissible": "1"},
        "errors": errors or {},
    }


def _state(row: Announcement) -> tuple[str, str]:
    """(class of the badge, word)"""
    now = clock.now()
    if row.withdrawn_at is not None:
        return "hollow", _("Withdrawn")
    if row.ends_at is not None and row.ends_at <= now:
        return "hollow", _("Over")
    return ("busy", _("Planned")) if row.starts_at > now else ("ok", _("Shown now"))


def _audience(row: Announcement) -> str:
    if row.organisation is not None:
        return row.organisation.name
    return row.region or texts.audience_label(row.audience)


def announce(actor: Actor, sent: Mapping[str, str]) -> Announcement:
    """Region and organisation count with the audience of that name only. Raises: Invalid."""
    audience = sent.get("audience", "")
    organisation = None
    if audience == "organisation" and (slug := sent.get("organisation", "").strip()):
        organisation = oversight.organisations(actor).filter(slug=slug).first()
        if organisation is None:
            raise Invalid({"organisation": _("There is no organisation with this short name.")})
    return actions.announce(
        actor=actor,
        text=sent.get("text", ""),
        level=sent.get("level", ""),
        audience=audience,
        region=sent.get("region", "") if audience == "region" else "",
        organisation=organisation,
        starts_at=moment(sent, "starts_at"),
        ends_at=moment(sent, "ends_at"),
        link=sent.get("link", "").strip(),
        dismissible=sent.get("level") == "info" and "dismissible" in sent,
    )
