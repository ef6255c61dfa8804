"""Writes to memberships: who is in an organisation or one of its projects, as what, until when.

Whoever is removed loses what only the membership let them have: their tokens that are bound here
are revoked, and the invitations that they sent are withdrawn.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from portal.accounts.models import ApiToken, User
from portal.audit.actions import record
from portal.kernel import clock
from portal.kernel.actor import Actor
from portal.kernel.errors import Conflict, Invalid, NotFound, NotPermitted
from portal.outbox.actions import notify
from portal.tenancy import access
from portal.tenancy.models import (
    OPEN_INVITATION,
    Invitation,
    Membership,
    Organisation,
    Project,
)
from portal.tenancy.permissions import GRANTS, Permission, Role
from portal.tenancy.recording import record_of


@transaction.atomic
def add_member(
    *,
    actor: Actor,
    organisation: Organisation,
    user: User,
    role: str,
    project: Project | None = None,
    expires_at: datetime | None = None,
) -> Membership:
    """Raises: Invalid, NotPermitted, Conflict for somebody who is a member already."""
    if project is not None and project.organisation_id != organisation.pk:
        raise Invalid({"project": _("This project belongs to another organisation.")})
    may_give(actor, organisation, project, role)
    check_expiry(expires_at)
    try:
        with transaction.atomic():
            member = Membership.objects.create(
                user=user,
                organisation=organisation,
                project=project,
                role=role,
                expires_at=expires_at,
            )
    except IntegrityError as error:
        raise Conflict(
            _("%(name)s is a member already.") % {"name": user},
            hint=_("Change the role instead."),
        ) from error
    _tell_member(actor, member, "member.added")
    record_of(actor, member, "member.add", after=_shape(member))
    return member


@transaction.atomic
def change_member(
    *,
    actor: Actor,
    member: Membership,
    role: str | None = None,
    expires_at: datetime | None = None,
    forever: bool = False,
) -> Membership:
    """What is not given stays; `forever` takes the expiry off.

    Raises: Invalid, NotPermitted, Conflict when the last owner would be lost.
    """
    member = _locked(member)
    _may_touch(actor, member)
    before = _shape(member)
    longer = forever or (
        expires_at is not None and member.expires_at is not None and expires_at > member.expires_at
    )
    if role is not None or longer:
        may_give(actor, member.organisation, member.project, role or member.role)
    if (role or member.role) != Role.OWNER or expires_at is not None:
        _keep_an_owner(member)
    check_expiry(expires_at)
    member.role = role or member.role
    member.expires_at = None if forever else expires_at or member.expires_at
    member.save(update_fields=["role", "expires_at"])
    if member.role != before["role"]:
        _tell_member(actor, member, "member.changed", before)
    record_of(actor, member, "member.change", before=before, after=_shape(member))
    return member


@transaction.atomic
def remove_member(*, actor: Actor, member: Membership) -> None:
    """Also for leaving oneself. Ends the tokens of `tokens_that_end` and, with the last membership
    in the organisation, withdraws the invitations that the person sent.

    Raises: NotPermitted, Conflict when the last owner would be lost.
    """
    member = _locked(member)
    # Neither a token nor staff that looks as somebody leaves for them.
    if member.user_id != actor.user_id or actor.token_id or actor.is_impersonating:
        _may_touch(actor, member)
    _keep_an_owner(member)
    tokens = list(tokens_that_end(member))
    ApiToken.objects.filter(pk__in=[token.pk for token in tokens]).update(revoked_at=clock.now())
    if not _others(member).exists():
        sent = Invitation.objects.filter(
            organisation_id=member.organisation_id, invited_by_id=member.user_id
        )
        sent.filter(OPEN_INVITATION).update(withdrawn_at=clock.now())
    Membership.objects.filter(pk=member.pk).delete()
    _tell_member(actor, member, "member.removed")
    slug = member.organisation.slug
    for token in tokens:
        before = {"name": token.name}
        record(actor, "token.revoke", "token", token.public_id, chain=slug, before=before)
    record_of(actor, member, "member.remove", before=_shape(member))


def tokens_that_end(member: Membership) -> QuerySet[ApiToken]:
    """The person's tokens that are revoked when this membership ends: those bound to the
    organisation, unless another membership there still lets them in.
    """
    rows = ApiToken.objects.filter(
        user_id=member.user_id, organisation_id=member.organisation_id, revoked_at__isnull=True
    )
    kept = list(_others(member).values_list("project_id", flat=True))
    if None in kept:
        return rows.none()
    if kept:  # a token for the whole organisation still reaches what is left
        rows = rows.filter(project__isnull=False).exclude(project_id__in=kept)
    return rows.order_by("-id")


def keeps_its_owner(member: Membership) -> bool:
    """Whether the organisation has another owner, so that this one may leave."""
    try:
        _keep_an_owner(member)
    except Conflict:
        return False
    return True


def _others(member: Membership) -> QuerySet[Membership]:
    """What else lets the person into the organisation."""
    lasting = Q(expires_at__isnull=True) | Q(expires_at__gt=clock.now())
    rows = Membership.objects.filter(
        lasting, user_id=member.user_id, organisation_id=member.organisation_id
    )
    return rows.exclude(pk=member.pk)


def _locked(member: Membership) -> Membership:
    """The row as it is now, under a lock of its organisation: two owners cannot leave at once."""
    Organisation.objects.select_for_update().get(pk=member.organisation_id)
    rows = Membership.objects.select_related("organisation", "project__organisation", "user")
    found = rows.filter(pk=member.pk).first()
    if found is None:
        raise NotFound(
            _("This member was removed in the meantime."), hint=_("See the list of members.")
        )
    return found


def _may_touch(actor: Actor, member: Membership) -> None:
    """Refuses unless `actor` manages members where this one belongs, and owners if it is one."""
    access.require_at(actor, member.organisation, member.project, Permission.MEMBER_MANAGE)
    if member.role == Role.OWNER:
        access.require_at(actor, member.organisation, member.project, Permission.OWNER_MANAGE)


def may_give(actor: Actor, organisation: Organisation, project: Project | None, role: str) -> None:
    """Refuses a role that holds more than `actor` does, or nobody could be kept from anything."""
    if role not in Role.values:
        raise Invalid({"role": _("Choose one of %(roles)s.") % {"roles": ", ".join(Role.values)}})
    access.require_at(actor, organisation, project, Permission.MEMBER_MANAGE)
    if not GRANTS[Role(role)] <= access.permissions_at(actor, organisation, project):
        raise NotPermitted(
            _("You cannot give the role “%(role)s”: it holds more rights than you do.")
            % {"role": role},
            hint=_("Choose another role, or ask an owner."),
        )


def check_expiry(expires_at: datetime | None) -> None:
    if expires_at is not None and expires_at <= clock.now():
        raise Invalid({"expires_at": _("Choose a time that is still to come.")})


def _shape(member: Membership) -> dict[str, Any]:
    return {"role": member.role, "expires_at": member.expires_at}


def _keep_an_owner(member: Membership) -> None:
    if member.role != Role.OWNER or member.project_id is not None:
        return
    others = Membership.objects.filter(
        organisation_id=member.organisation_id,
        project__isnull=True,
        role=Role.OWNER,
        expires_at__isnull=True,
        user__is_active=True,
    ).exclude(pk=member.pk)
    if not others.exists():
        raise Conflict(
            _("%(name)s is the last owner of %(organisation)s.")
            % {"name": member.user, "organisation": member.organisation},
            hint=_("Make somebody else an owner first."),
            code="last-owner",
        )


def _tell_member(
    actor: Actor, member: Membership, kind: str, before: Mapping[str, Any] | None = None
) -> None:
    """The person concerned hears of it, unless they or the installation itself did it."""
    if actor.is_system or member.user_id == actor.user_id:
        return
    notify(
        kind,
        organisation_id=member.organisation_id,
        project_id=member.project_id,
        person_id=member.user_id,
        params={
            "place": (member.project or member.organisation).name,
            "role": member.role,
            "before": (before or {}).get("role", ""),
            "by": actor.name,
        },
    )
