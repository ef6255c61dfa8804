"""Reads of organisations, projects and members."""

from __future__ import annotations

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from portal.kernel.actor import Actor
from portal.kernel.errors import NotFound
from portal.tenancy import access
from portal.tenancy.models import Membership, Organisation, Project
from portal.tenancy.permissions import Permission


def members_for(actor: Actor, organisation: Organisation) -> QuerySet[Membership]:
    """All members of an organisation and its projects. Raises: NotPermitted."""
    access.require_in_organisation(actor, organisation, Permission.MEMBER_VIEW)
    return (
        Membership.objects.filter(organisation=organisation)
        .select_related("user", "organisation", "project")
        .order_by("id")
    )


def member_for(actor: Actor, pk: int) -> Membership:
    """One membership, seen by those who may see members. Raises: NotFound."""
    seen = access.organisations(actor, Permission.MEMBER_VIEW)
    found = (
        Membership.objects.filter(pk=pk, organisation__in=seen)
        .select_related("user", "organisation", "project")
        .first()
    )
    if found is None:
        raise NotFound(
            _("There is no such member, or you may not see it."),
            hint=_("See the list of members."),
        )
    return found


def projects_for(actor: Actor) -> QuerySet[Project]:
    """The projects an actor may see, by organisation and name."""
    rows = access.projects(actor, Permission.PROJECT_VIEW)
    return rows.select_related("organisation").order_by("organisation__name", "name")


def organisations_for(actor: Actor) -> QuerySet[Organisation]:
    """The organisations an actor may see, by name."""
    return access.organisations(actor, Permission.ORGANISATION_VIEW).order_by("name")
