"""Reads of organisations, projects and members."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from portal.accounts.models import User
from portal.kernel.actor import Actor
from portal.kernel.errors import Invalid, NotFound
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


def member_for(actor: Actor, public_id: str) -> Membership:
    """One membership, seen by those who may see members. Raises: NotFound."""
    seen = access.organisations(actor, Permission.MEMBER_VIEW)
    found = (
        Membership.objects.filter(public_id=public_id, organisation__in=seen)
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


def person_with(email: str) -> User:
    """Somebody who has an account. Ask only for whoever manages members. Raises: Invalid."""
    found = User.objects.filter(email=email.strip().lower(), is_active=True).first()
    if found is None:
        raise Invalid(
            {"email": _("Nobody with this address has an account here.")},
            hint=_("Ask the person to sign up first."),
        )
    return found


def emails_of(user_keys: Iterable[int]) -> dict[int, str]:
    """The addresses of people, by key; whoever is gone is left out. One query."""
    return dict(User.objects.filter(pk__in=list(user_keys)).values_list("pk", "email"))
