"""The pages of one organisation, as staff sees it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.paginator import Paginator
from django.urls import reverse
from django.utils.translation import gettext as _

from portal.kernel.actor import Actor
from portal.tenancy import oversight
from portal.tenancy.models import Organisation
from portal.tenancy.texts import role_label
from services import registry
from services.instances import archiving
from services.instances import oversight as work
from services.regions import oversight as places

_PER_PAGE = 50


def organisations(actor: Actor, asked: dict[str, str]) -> dict[str, Any]:
    """Context of console/staff/organisations.html. `asked`: q, state, page."""
    state, text = asked.get("state", ""), asked.get("q", "").strip()
    rows = oversight.organisations(actor, search=text, state=state)
    found = Paginator(rows, _PER_PAGE).get_page(asked.get("page"))
    counts = work.counts_by_organisation(actor, found)
    return {
        "found": found,
        "rows": [(row, counts.get(row.pk, 0)) for row in found],
        "q": text,
        "state": state,
        "states": [
            ("", _("All")),
            ("active", _("Active")),
            ("suspended", _("Suspended")),
            ("archived", _("Archived")),
        ],
    }


def frame(actor: Actor, organisation: Organisation, tab: str) -> dict[str, Any]:
    """What every page of an organisation shows: head and tabs."""
    links = (
        ("overview", _("Overview"), "console:staff-organisation"),
        ("people", _("People"), "console:staff-people"),
        ("services", _("Services"), "console:staff-services"),
        ("quota", _("Quota"), "console:staff-quota"),
        ("billing", _("Billing details"), "console:staff-organisation-billing"),
    )
    return {
        "organisation": organisation,
        "crumbs": [(_("Organisations"), reverse("console:staff-organisations"))],
        "tabs": [(key, text, reverse(name, args=[organisation.slug])) for key, text, name in links],
        "tab": tab,
    }


def overview(actor: Actor, organisation: Organisation) -> dict[str, Any]:
    """Context of console/staff/organisation.html."""
    projects = list(oversight.projects_of(actor, organisation))
    return frame(actor, organisation, "overview") | {
        "owners": oversight.owners_of(actor, organisation),
        "projects": projects,
        "archived": [row for row in projects if row.archived_at is not None],
        "services": work.counts_by_organisation(actor, [organisation]).get(organisation.pk, 0),
        "people": oversight.members_of(actor, organisation).values("user").distinct().count(),
        "requests": places.pending_requests(actor, organisation),
        "suspension": oversight.suspension_of(organisation),
    }


def bring_back(actor: Actor, organisation: Organisation, sent: Mapping[str, str]) -> str:
    """The project that is named, or the organisation: what it is called. Raises: NotPermitted,
    NotFound, Invalid, Conflict.
    """
    reason, slug = sent.get("reason", ""), sent.get("project", "")
    project = oversight.project(actor, organisation, slug) if slug else None
    archiving.bring_back(actor=actor, organisation=organisation, project=project, reason=reason)
    return (project or organisation).name


def people(actor: Actor, organisation: Organisation) -> dict[str, Any]:
    """Context of console/staff/people.html."""
    rows = oversight.members_of(actor, organisation)
    return frame(actor, organisation, "people") | {
        "rows": [(row, role_label(row.role)) for row in rows]
    }


def services(actor: Actor, organisation: Organisation, page: str | None) -> dict[str, Any]:
    """Context of console/staff/services.html."""
    found = Paginator(work.instances_of(actor, organisation), _PER_PAGE).get_page(page)
    return frame(actor, organisation, "services") | {
        "found": found,
        "rows": [(row, registry.get(row.offering).offering) for row in found],
    }
