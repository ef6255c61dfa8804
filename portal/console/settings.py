"""The settings of the project at hand: its tabs, and what the first two show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from itertools import groupby
from typing import TYPE_CHECKING, Any
from zoneinfo import available_timezones

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.console.page import url_or_nothing
from portal.kernel.actor import Actor
from portal.kernel.errors import Invalid
from portal.tenancy import access
from portal.tenancy.permissions import Permission
from services.regions import queries as regions
from services.regions import requests
from services.regions.texts import quota_label, request_label

if TYPE_CHECKING:
    from portal.tenancy.models import Project
    from services.regions.models import QuotaRequest

_LOOKS = {"pending": "hollow", "approved": "ok", "refused": "bad"}
_AREAS = (
    "Africa",
    "America",
    "Antarctica",
    "Arctic",
    "Asia",
    "Atlantic",
    "Australia",
    "Europe",
    "Indian",
    "Pacific",
)


@dataclass(frozen=True, slots=True)
class Tab:
    """A page of the settings. It is shown once its URL exists, as a room of the side bar is, to
    those who hold its `permission`.
    """

    key: str
    label: Promise
    url_name: str
    permission: Permission | None = None


TABS = (
    Tab("project", gettext_lazy("Project"), "console:settings"),
    Tab("quotas", gettext_lazy("Quotas"), "console:quotas"),
    Tab("notifications", gettext_lazy("Notifications"), "console:notification-settings"),
    Tab("webhooks", gettext_lazy("Webhooks"), "console:webhooks", Permission.PROJECT_UPDATE),
)


def frame(actor: Actor, project: Project, tab: str) -> dict[str, Any]:
    """What every page of the settings shows: see templates/console/_settings_head.html."""
    held = access.permissions_in(actor, project)
    tabs = [
        (t.key, t.label, url)
        for t in TABS
        if (t.permission is None or t.permission in held) and (url := url_or_nothing(t.url_name))
    ]
    return {"project": project, "tabs": tabs, "tab": tab}


def project_page(
    actor: Actor,
    project: Project,
    typed: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Context of console/settings.html; `typed` is what came back with `errors`."""
    held = access.permissions_in(actor, project)
    stored = {
        "name": project.name,
        "time_zone": project.time_zone,
        "tags": "\n".join(f"{key}: {value}" for key, value in sorted(project.tags.items())),
    }
    return frame(actor, project, "project") | {
        "typed": stored | dict(typed or {}),
        "errors": errors or {},
        "zones": _zones(),
        "may_change": Permission.PROJECT_UPDATE in held,
    }


def read_tags(text: str) -> dict[str, str]:
    """`name: value`, one a line. Raises: Invalid for a line that is none, or a name given twice."""
    tags: dict[str, str] = {}
    for line in filter(None, (line.strip() for line in text.splitlines())):
        name, colon, value = (part.strip() for part in line.partition(":"))
        if not colon or not name:
            raise Invalid(
                {"tags": _("“%(line)s” is no tag: write “name: value”.") % {"line": line[:40]}}
            )
        if name in tags:
            raise Invalid({"tags": _("“%(name)s” is there twice.") % {"name": name}})
        tags[name] = value
    return tags


def quota_page(
    actor: Actor,
    project: Project,
    typed: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Context of console/quotas.html; `typed` is what came back with `errors`."""
    held = access.permissions_in(actor, project)
    lines = regions.quotas_of(project)
    rows = list(requests.quota_requests_for(actor).filter(project=project)[:20])
    waiting = {(row.region.code, row.name) for row in rows if row.state == "pending"}
    names = {region.code: region.name for region in regions.regions()}
    return frame(actor, project, "quotas") | {
        "places": [
            (names.get(code, code), list(found))
            for code, found in groupby(lines, key=lambda line: line.region)
        ],
        "choices": [
            (f"{line.region}/{line.name}", names.get(line.region, line.region), line)
            for line in lines
            if (line.region, line.name) not in waiting
        ],
        "requests": [_request_row(row) for row in rows],
        "typed": typed or {},
        "errors": errors or {},
        "may_ask": Permission.QUOTA_REQUEST in held,
    }


def _request_row(row: QuotaRequest) -> dict[str, Any]:
    limit = row.limit if row.limit_granted is None else row.limit_granted
    return {
        "request": row,
        "label": quota_label(row.name),
        "word": request_label(row.state),
        "look": _LOOKS.get(row.state, "none"),
        "limit": limit,
    }


def read_wish(typed: Mapping[str, str]) -> tuple[str, str, Decimal]:
    """Region, quota and limit of a request as it was typed. Raises: Invalid."""
    region, slash, name = typed.get("quota", "").partition("/")
    faults = {} if slash else {"quota": _("Choose what you need more of.")}
    try:
        limit = Decimal(typed.get("limit", "").strip())
    except InvalidOperation:
        limit = Decimal(0)
        faults["limit"] = _("Give a number.")
    if faults:
        raise Invalid(faults)
    return region, name, limit


@lru_cache(maxsize=1)
def _zones() -> list[tuple[str, list[str]]]:
    """Time zones by part of the world, without what the database keeps for old names."""
    known = sorted(zone for zone in available_timezones() if zone.partition("/")[0] in _AREAS)
    groups = groupby(known, key=lambda zone: zone.partition("/")[0])
    return [("UTC", ["UTC"]), *((area, list(zones)) for area, zones in groups)]
