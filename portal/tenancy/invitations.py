"""Invitations: a role offered to an address by mail, taken by whoever opens the link in it.

The secret of the link stands in the mail and nowhere else; each mail has a new one, and the link of
the mail before it is void. The mail leaves when the transaction has ended. A mail server that is
away does not undo the invitation: `sent_at` stays as it was, and the list of members says so.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from portal.accounts import mail, people
from portal.accounts.models import User
from portal.audit.actions import record
from portal.kernel import clock, crypto
from portal.kernel.actor import Actor
from portal.kernel.errors import (
    Conflict,
    Gone,
    Invalid,
    NotFound,
    NotPermitted,
    TooManyRequests,
    Unavailable,
)
from portal.outbox.actions import notify
from portal.tenancy import access, members
from portal.tenancy.models import (
    OPEN_INVITATION,
    Invitation,
    Membership,
    Organisation,
    Project,
)
from portal.tenancy.permissions import GRANTS, Permission, Role
from portal.tenancy.recording import record_of
from portal.tenancy.texts import role_label

HOLDS = timedelta(days=7)
_KEPT = timedelta(days=30)
_MOST_AN_HOUR = 50
_MOST_TRIES = 10
_BETWEEN_TRIES = timedelta(minutes=1)


@transaction.atomic
def invite(
    *,
    actor: Actor,
    organisation: Organisation,
    email: str,
    role: str,
    project: Project | None = None,
    member_expires_at: datetime | None = None,
) -> Invitation:
    """Offers `role` to an address, by a mail that leaves once the transaction has ended.

    Raises: Invalid, NotPermitted, TooManyRequests, Conflict for a member and for somebody who has
    an invitation already.
    """
    if project is not None and project.organisation_id != organisation.pk:
        raise Invalid({"project": _("This project belongs to another organisation.")})
    access.require_at(actor, organisation, project, Permission.MEMBER_MANAGE)
    email = _read(email, member_expires_at)
    members.may_give(actor, organisation, project, role)
    Organisation.objects.select_for_update().get(pk=organisation.pk)
    _refuse_member(email, role, organisation, project)
    _end_what_is_over(email, organisation, project)
    _spend(actor, organisation)
    invitation = Invitation(
        organisation=organisation,
        project=project,
        email=email,
        role=role,
        member_expires_at=member_expires_at,
        invited_by_id=actor.user_id,
    )
    _send(invitation)
    record_of(actor, invitation, "invitation.create", after=_shape(invitation))
    return invitation


@transaction.atomic
def resend_invitation(*, actor: Actor, invitation: Invitation) -> Invitation:
    """A new mail with a new link, which holds for seven days more; the link before it is void.

    Raises: NotPermitted, Gone once it is accepted or withdrawn, TooManyRequests.
    """
    invitation = _locked(invitation)
    access.require_at(actor, invitation.organisation, invitation.project, Permission.MEMBER_MANAGE)
    members.may_give(actor, invitation.organisation, invitation.project, invitation.role)
    _refuse_closed(invitation)
    _wait_for_next_try(invitation)
    _spend(actor, invitation.organisation)
    _send(invitation)
    record_of(actor, invitation, "invitation.resend", after={"expires_at": invitation.expires_at})
    return invitation


@transaction.atomic
def withdraw_invitation(*, actor: Actor, invitation: Invitation) -> None:
    """Its link is void at once. Raises: NotPermitted, Gone once it is accepted or withdrawn."""
    invitation = _locked(invitation)
    access.require_at(actor, invitation.organisation, invitation.project, Permission.MEMBER_MANAGE)
    _refuse_closed(invitation)
    invitation.withdrawn_at = clock.now()
    invitation.save(update_fields=["withdrawn_at"])
    record_of(actor, invitation, "invitation.withdraw", before=_shape(invitation))


@transaction.atomic
def accept_invitation(*, actor: Actor, invitation: Invitation) -> Membership:
    """Makes the person a member. Ask only for whoever has opened the link.

    Raises: NotPermitted for another person than the invited one, Gone, Conflict.
    """
    invitation = _locked(invitation)
    _refuse_closed(invitation)
    _refuse_over(invitation)
    user = _invited_person(actor, invitation)
    try:
        with transaction.atomic():
            member = Membership.objects.create(
                user=user,
                organisation=invitation.organisation,
                project=invitation.project,
                role=invitation.role,
                expires_at=invitation.member_expires_at,
            )
    except IntegrityError as error:
        raise Conflict(
            _("You are a member of %(place)s already.") % {"place": place_of(invitation)},
            hint=_("Go to the overview."),
            code="member-already",
        ) from error
    invitation.accepted_at = clock.now()
    invitation.save(update_fields=["accepted_at"])
    notify(
        "invitation.accepted",
        organisation_id=invitation.organisation_id,
        project_id=invitation.project_id,
        person_id=invitation.invited_by_id,
        params={"name": str(user), "place": place_of(invitation), "role": invitation.role},
    )
    record(
        actor,
        "invitation.accept",
        "member",
        str(user.pk),
        chain=invitation.organisation.slug,
        project=invitation.project.slug if invitation.project else "",
        after={**_shape(invitation), "invitation": invitation.public_id},
    )
    return member


def place_of(invitation: Invitation) -> str:
    """The name of what it lets in to."""
    return str(invitation.project or invitation.organisation)


def is_for(invitation: Invitation, user: User) -> bool:
    """Whether the invited address is one of the person's."""
    return invitation.email.lower() in people.addresses_of(user)


def end_of(invitation: Invitation) -> str:
    """Why it can no longer be accepted, and what to do; empty while it can."""
    try:
        _refuse_closed(invitation)
        _refuse_over(invitation)
    except (Gone, NotPermitted) as error:
        return f"{error.text} {error.hint}"
    return ""


def forget_ended() -> int:
    """Deletes those that ended a month ago or more: they hold addresses of people. Returns how
    many.
    """
    old = clock.now() - _KEPT
    ended = Q(accepted_at__lt=old) | Q(withdrawn_at__lt=old) | Q(expires_at__lt=old)
    return Invitation.objects.filter(ended).delete()[0]


def _read(email: str, member_expires_at: datetime | None) -> str:
    """The address in lower case. Raises: Invalid."""
    faults: dict[str, str] = {}
    email = email.strip().lower()
    try:
        validate_email(email)
    except ValidationError:
        faults["email"] = _("Give an e-mail address, as in anna@example.eu.")
    if len(email) > 254:
        faults["email"] = _("An address has at most 254 characters.")
    if member_expires_at is not None and member_expires_at <= clock.now():
        faults["member_expires_at"] = _("Choose a time that is still to come.")
    if faults:
        raise Invalid(faults)
    return email


def _refuse_member(
    email: str, role: str, organisation: Organisation, project: Project | None
) -> None:
    """Whoever has the role here already, or more, needs no invitation."""
    lasting = Q(expires_at__isnull=True) | Q(expires_at__gt=clock.now())
    here = Q(project=project) | Q(project__isnull=True)
    rows = Membership.objects.filter(
        lasting, here, organisation=organisation, user__email__iexact=email
    )
    for member in rows.select_related("user"):
        same_place = member.project_id == (project.pk if project else None)
        if same_place or GRANTS[Role(role)] <= GRANTS[Role(member.role)]:
            raise Conflict(
                _("%(email)s is a member already, with the role “%(role)s”.")
                % {"email": email, "role": member.role},
                hint=_("Change the role in the list of members instead."),
                code="member-already",
            )


def _end_what_is_over(email: str, organisation: Organisation, project: Project | None) -> None:
    """An expired invitation makes room. Raises: Conflict while there is one that holds."""
    rows = Invitation.objects.filter(
        OPEN_INVITATION, organisation=organisation, project=project, email__iexact=email
    )
    if rows.filter(expires_at__gt=clock.now()).exists():
        raise Conflict(
            _("%(email)s has an invitation already.") % {"email": email},
            hint=_("Send it again from the list of members, or withdraw it first."),
            code="invited-already",
        )
    rows.update(withdrawn_at=clock.now())


def _spend(actor: Actor, organisation: Organisation) -> None:
    """Nobody uses Polder to send mail in bulk. Raises: TooManyRequests."""
    whose = Q(organisation=organisation)
    if actor.user_id is not None:
        whose |= Q(invited_by_id=actor.user_id)
    hour = timedelta(hours=1)
    tried = Invitation.objects.filter(whose, tried_at__gt=clock.now() - hour)
    if tried.count() >= _MOST_AN_HOUR:
        raise TooManyRequests(
            _("An organisation sends at most %(most)s invitations an hour.")
            % {"most": _MOST_AN_HOUR},
            hint=_("Invite the others later."),
            retry_after=int(hour.total_seconds()),
        )


def _wait_for_next_try(invitation: Invitation) -> None:
    left = invitation.tried_at + _BETWEEN_TRIES - clock.now()
    if left > timedelta(0):
        seconds = int(left.total_seconds()) + 1
        raise TooManyRequests(
            _("The mail was sent less than a minute ago."),
            hint=_("Wait %(seconds)s seconds, then send it again.") % {"seconds": seconds},
            retry_after=seconds,
        )
    if invitation.tries >= _MOST_TRIES:
        raise TooManyRequests(
            _("This invitation was sent %(most)s times.") % {"most": _MOST_TRIES},
            hint=_("Check the address. Withdraw the invitation, then make a new one."),
            retry_after=int(timedelta(days=1).total_seconds()),
        )


def _send(invitation: Invitation) -> None:
    """Stores it with a new link, and lets the mail leave once the transaction has ended."""
    secret, now = secrets.token_urlsafe(24), clock.now()
    invitation.digest = crypto.digest(secret)
    invitation.expires_at = now + HOLDS
    invitation.tried_at = now
    invitation.tries += 1
    invitation.save()
    path = reverse("console:invitation", args=[invitation.public_id, secret])
    context = {
        "invitation": invitation,
        "inviter": str(invitation.invited_by or ""),
        "place": place_of(invitation),
        "role": role_label(invitation.role),
        "link": f"{settings.POLDER_URL}{path}",
        "days": HOLDS.days,
    }
    language = get_language() or ""
    transaction.on_commit(lambda: _post(invitation, context, language))


def _post(invitation: Invitation, context: Mapping[str, Any], language: str) -> None:
    try:
        mail.send("invitation", invitation.email, context, language)
    except Unavailable:  # logged where it was raised; the list of members shows that none left
        return
    invitation.sent_at = clock.now()
    Invitation.objects.filter(pk=invitation.pk).update(sent_at=invitation.sent_at)


def _locked(invitation: Invitation) -> Invitation:
    rows = Invitation.objects.select_related("organisation", "project__organisation", "invited_by")
    found = rows.select_for_update(of=("self",)).filter(pk=invitation.pk).first()
    if found is None:
        raise NotFound(_("This invitation is gone."), hint=_("Ask for a new one."))
    return found


def _invited_person(actor: Actor, invitation: Invitation) -> User:
    """Raises: NotPermitted for a token, a service account, and another person."""
    if actor.user_id is None or actor.token_id:
        raise NotPermitted(
            _("An invitation is accepted by a person, not by a token."),
            hint=_("Open the link of the mail in a browser."),
        )
    user = User.objects.get(pk=actor.user_id)
    if not is_for(invitation, user):
        raise NotPermitted(
            _("This invitation is for %(email)s; you are signed in as %(own)s.")
            % {"email": invitation.email, "own": user.email},
            hint=_("Sign out, then open the link of the mail again and sign in as invited."),
            code="other-person",
        )
    return user


def _refuse_closed(invitation: Invitation) -> None:
    if invitation.accepted_at is not None:
        raise Gone(
            _("This invitation was accepted already."), hint=_("Sign in and go to the overview.")
        )
    if invitation.withdrawn_at is not None:
        raise Gone(
            _("This invitation was withdrawn."),
            hint=_("Ask the person who invited you for a new one."),
        )


def _refuse_over(invitation: Invitation) -> None:
    """Refuses what can no longer be accepted, though nobody withdrew it."""
    now, project = clock.now(), invitation.project
    over = invitation.expires_at <= now
    over |= invitation.member_expires_at is not None and invitation.member_expires_at <= now
    if over:
        raise Gone(
            _("This invitation has expired."),
            hint=_("Ask the person who invited you to send it again."),
        )
    if invitation.organisation.archived_at or (project is not None and project.archived_at):
        raise Gone(
            _("%(place)s was archived in the meantime.") % {"place": place_of(invitation)},
            hint=_("Ask the person who invited you."),
        )
    if invitation.organisation.suspended_at:
        raise NotPermitted(
            _("%(name)s is suspended: nothing can be changed.")
            % {"name": invitation.organisation.name},
            hint=_("Open the link again once the provider has lifted the suspension."),
            code="suspended",
        )


def _shape(invitation: Invitation) -> dict[str, Any]:
    """Without the address: what stands in the trail cannot be taken out again."""
    return {"role": invitation.role, "expires_at": invitation.member_expires_at}
