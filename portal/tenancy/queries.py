"""Reads of organisations, projects and members."""

from __future__ import annotations

import secrets
from collections.abc import Iterable

from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from portal.accounts.models import User
from portal.kernel import clock, crypto
from portal.kernel.actor import Actor
from portal.kernel.errors import Invalid, NotFound
from portal.tenancy import access
from portal.tenancy.models import (
    OPEN_INVITATION,
    Invitation,
    Membership,
    Organisation,
    Project,
)
from portal.tenancy.permissions import Permission, roles_with


def members_for(actor: Actor, organisation: Organisation) -> QuerySet[Membership]:
    """All members of an organisation and its projects. Raises: NotPermitted."""
    access.require_in_organisation(actor, organisation, Permission.MEMBER_VIEW)
    return _members().filter(organisation=organisation)


def members_in(actor: Actor, project: Project) -> QuerySet[Membership]:
    """Whoever may work in a project: its own members and those of the organisation as a whole.

    Raises: NotPermitted.
    """
    access.require(actor, project, Permission.MEMBER_VIEW)
    here = Q(project=project) | Q(project__isnull=True)
    return _members().filter(here, organisation=project.organisation)


def matching(rows: QuerySet[Membership], word: str) -> QuerySet[Membership]:
    """Those of people whose name or address holds `word`; all without one."""
    if not word:
        return rows
    return rows.filter(Q(user__name__icontains=word) | Q(user__email__icontains=word))


def member_for(actor: Actor, public_id: str) -> Membership:
    """One membership: one's own, or seen by those who may see members where it belongs.

    Raises: NotFound.
    """
    seen = Q(organisation__in=access.organisations(actor, Permission.MEMBER_VIEW))
    seen |= Q(project__in=access.project_keys(actor, Permission.MEMBER_VIEW))
    if actor.user_id is not None and not actor.token_id:
        seen |= Q(user_id=actor.user_id)
    found = _members().filter(seen, public_id=public_id).first()
    if found is None:
        raise NotFound(
            _("There is no such member, or you may not see it."),
            hint=_("See the list of members."),
        )
    return found


def memberships_of(actor: Actor, organisation: Organisation) -> QuerySet[Membership]:
    """The person's own memberships in an organisation and its projects."""
    return all_memberships_of(actor).filter(organisation=organisation)


def all_memberships_of(actor: Actor) -> QuerySet[Membership]:
    """The person's own memberships, wherever they are."""
    rows = _members().filter(user_id=actor.user_id or 0)
    return rows.filter(Q(expires_at__isnull=True) | Q(expires_at__gt=clock.now()))


def invitations_for(actor: Actor, organisation: Organisation) -> QuerySet[Invitation]:
    """Those that wait to be accepted, in the organisation and its projects.

    Raises: NotPermitted.
    """
    access.require_in_organisation(actor, organisation, Permission.MEMBER_VIEW)
    return _invitations().filter(organisation=organisation)


def invitations_in(actor: Actor, project: Project) -> QuerySet[Invitation]:
    """Those that wait to be accepted, of the project alone. Raises: NotPermitted."""
    access.require(actor, project, Permission.MEMBER_VIEW)
    return _invitations().filter(project=project)


def invitation_for(actor: Actor, public_id: str) -> Invitation:
    """One that waits to be accepted, seen by those who may see members there. Raises: NotFound."""
    seen = Q(organisation__in=access.organisations(actor, Permission.MEMBER_VIEW))
    seen |= Q(project__in=access.project_keys(actor, Permission.MEMBER_VIEW))
    found = _invitations().filter(seen, public_id=public_id).first()
    if found is None:
        raise NotFound(
            _("There is no invitation “%(id)s” that waits, or you may not see it.")
            % {"id": public_id},
            hint=_("See the list of members."),
        )
    return found


def invitation_behind(public_id: str, secret: str) -> Invitation:
    """The one that the link of a mail leads to, also when it has ended. Raises: NotFound."""
    found = opened_invitation(public_id)
    if found is None or not secrets.compare_digest(found.digest, crypto.digest(secret)):
        raise NotFound(
            _("This link leads to no invitation. A newer mail may have replaced it."),
            hint=_("Open the link of the newest mail, or ask for another one."),
        )
    return found


def opened_invitation(public_id: str) -> Invitation | None:
    """One whose link was opened; the caller has seen to that."""
    rows = Invitation.objects.select_related("organisation", "project", "invited_by")
    return rows.filter(public_id=public_id).first()


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


def has_account(email: str) -> bool:
    """Ask only for whoever has shown that the address is theirs."""
    return User.objects.filter(email__iexact=email).exists()


def people_with(
    permission: Permission, *, organisation_id: int, project_id: int | None = None
) -> QuerySet[User]:
    """The people who hold `permission` now, in a project or in an organisation as a whole."""
    here = Q(project__isnull=True)
    if project_id is not None:
        here |= Q(project_id=project_id)
    grants = Membership.objects.filter(
        here,
        Q(expires_at__isnull=True) | Q(expires_at__gt=Now()),
        organisation_id=organisation_id,
        role__in=roles_with(permission),
    )
    return User.objects.filter(pk__in=grants.values("user_id"), is_active=True)


def emails_of(user_keys: Iterable[int]) -> dict[int, str]:
    """The addresses of people, by key; whoever is gone is left out. One query."""
    return dict(User.objects.filter(pk__in=list(user_keys)).values_list("pk", "email"))


def _members() -> QuerySet[Membership]:
    return Membership.objects.select_related("user", "organisation", "project").order_by("id")


def _invitations() -> QuerySet[Invitation]:
    rows = Invitation.objects.filter(OPEN_INVITATION)
    return rows.select_related("organisation", "project", "invited_by").order_by("-id")
