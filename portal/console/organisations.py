"""The pages of organisations: all of one's own, and one with its projects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.urls import reverse
from django.utils.translation import gettext as _

from billing.identity import queries as identities
from billing.pricebook.texts import vat_label
from portal.accounts import second_factor
from portal.kernel.actor import Actor
from portal.tenancy import access, queries
from portal.tenancy.countries import country_choices, country_name
from portal.tenancy.permissions import Permission
from portal.tenancy.texts import role_label
from services.instances.queries import live_counts

if TYPE_CHECKING:
    from portal.tenancy.models import Membership, Organisation


def organisations(actor: Actor) -> dict[str, Any]:
    """Context of console/organisations.html. Three queries, however many there are."""
    projects = list(queries.projects_for(actor))
    members = list(queries.all_memberships_of(actor))
    rows = [
        {
            "organisation": organisation,
            "projects": sum(p.organisation_id == organisation.pk for p in projects),
            "roles": _roles([m for m in members if m.organisation_id == organisation.pk]),
            "url": reverse("console:organisation", args=[organisation.slug]),
        }
        for organisation in queries.organisations_for(actor)
    ]
    return {"rows": rows, "closed": list(access.closed_organisations(actor))}


def organisation(
    actor: Actor,
    organisation: Organisation,
    typed: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Context of console/organisation.html; `typed` is what came back with `errors`."""
    held = access.permissions_in_organisation(actor, organisation)
    own = list(queries.memberships_of(actor, organisation))
    stored = {"name": organisation.name, "country": organisation.country}
    return frame(organisation) | {
        "projects": _project_rows(actor, organisation),
        "own": [(member, role_label(member.role)) for member in own],
        "people": _people(actor, organisation, held),
        "country": country_name(organisation.country),
        "countries": country_choices(organisation.country),
        "typed": stored | dict(typed or {}),
        "errors": errors or {},
        "may_change": Permission.ORGANISATION_UPDATE in held,
        "may_create": Permission.PROJECT_CREATE in held,
        "may_archive": Permission.ORGANISATION_DELETE in held,
        "may_see_costs": Permission.COST_VIEW in held,
        "billing": _billing(organisation) if Permission.COST_VIEW in held else None,
    }


def _billing(organisation: Organisation) -> dict[str, str]:
    """Who it is on its invoices, and the VAT it pays."""
    row = identities.identity_of(organisation)
    return {
        "name": row.legal_name if row else _("Not filled in yet."),
        "vat": vat_label(identities.rate_for(organisation)),
    }


def frame(organisation: Organisation) -> dict[str, Any]:
    """What every page of an organisation shows."""
    return {
        "organisation": organisation,
        "crumbs": [(_("Organisations"), reverse("console:organisations"))],
        "crumbs_in": [
            (_("Organisations"), reverse("console:organisations")),
            (organisation.name, reverse("console:organisation", args=[organisation.slug])),
        ],
    }


def _project_rows(actor: Actor, organisation: Organisation) -> list[dict[str, Any]]:
    projects = queries.projects_for(actor).filter(organisation=organisation)
    counts = live_counts(actor, organisation)
    return [{"project": project, "services": counts.get(project.pk, 0)} for project in projects]


def _people(
    actor: Actor, organisation: Organisation, held: frozenset[Permission]
) -> dict[str, int] | None:
    """How many people are in it, are invited, have no second factor; None for whoever may not
    know.
    """
    if Permission.MEMBER_VIEW not in held:
        return None
    members = queries.members_for(actor, organisation).order_by()
    keys = set(members.values_list("user_id", flat=True))
    return {
        "members": len(keys),
        "invited": queries.invitations_for(actor, organisation).count(),
        "unguarded": len(keys - second_factor.holders(keys)),
    }


def _roles(members: list[Membership]) -> str:
    """“Owner”, or “Viewer in shop” for whoever is in projects only."""
    whole = [role_label(member.role) for member in members if member.project is None]
    parts = [
        _("%(role)s in %(project)s") % {"role": role_label(m.role), "project": m.project}
        for m in members
        if m.project is not None
    ]
    return ", ".join(whole + parts)


def newcomer(actor: Actor) -> dict[str, Any]:
    """Context of console/no_project.html: the organisations in which one may make a project."""
    able = access.organisations(actor, Permission.PROJECT_CREATE).order_by("name")
    return {"able": list(able), "seen": list(queries.organisations_for(actor))}
