"""Staff looks as a person of a tenant: who may, what is never possible then, and the record of it
in the trail of every organisation of that person.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext as _

from portal.accounts.models import User
from portal.audit.actions import PROVIDER, record
from portal.kernel import clock
from portal.kernel.actor import Actor
from portal.kernel.errors import Invalid, NotPermitted
from portal.outbox.actions import notify
from portal.tenancy.models import Membership
from portal.tenancy.oversight import require_staff
from portal.tenancy.permissions import VIEWS, Permission

LASTS = timedelta(minutes=30)
SHORTEST_REASON = 10
_MOST_REASON = 500
_P = Permission
# Whoever could do one of these would hold a key, or let somebody in, for longer than half an hour.
_NEVER = frozenset(
    {
        _P.CREDENTIAL_REVEAL,
        _P.TOKEN_MANAGE,
        _P.MEMBER_MANAGE,
        _P.OWNER_MANAGE,
        _P.ORGANISATION_DELETE,
    }
)


def scopes_of(*, may_change: bool) -> frozenset[str]:
    """Names of the permissions that are left of the person's own."""
    left = frozenset(Permission) - _NEVER if may_change else VIEWS - _NEVER
    return frozenset(permission.value for permission in left)


@transaction.atomic
def start_impersonation(*, actor: Actor, user: User, reason: str) -> datetime:
    """Until when `actor` may look as `user`. Raises: NotPermitted, Invalid."""
    require_staff(actor)
    _refuse_person(actor, user)
    _refuse_reason(reason)
    until = clock.now() + LASTS
    _tell_person(actor, user, reason)
    _record(_on_behalf(actor, user), user, "staff.impersonate", reason, until=until.isoformat())
    return until


@transaction.atomic
def allow_changes(*, actor: Actor, user: User, is_superuser: bool, reason: str) -> None:
    """For what is left of the time, things may be changed, too. Raises: NotPermitted, Invalid."""
    require_staff(actor)
    if not is_superuser:
        raise NotPermitted(
            _("Only administrators of the provider may change things as somebody else."),
            hint=_("Ask one of them, or ask the person to do it themselves."),
        )
    _refuse_reason(reason)
    _record(_on_behalf(actor, user), user, "staff.allow_changes", reason)


@transaction.atomic
def end_impersonation(*, actor: Actor, user: User, why: str) -> None:
    """`why` is a code: ended, time-over, signed-out."""
    require_staff(actor)
    _record(_on_behalf(actor, user), user, "staff.end_impersonation", "", why=why)


def _refuse_person(actor: Actor, user: User) -> None:
    if user.is_staff or user.is_superuser or str(user.pk) == actor.id:
        raise NotPermitted(
            _("Nobody looks as a person of the provider."),
            hint=_("Choose a person of a tenant."),
        )
    if not user.is_active:
        raise NotPermitted(
            _("This account is closed: there is nothing to see as its person."),
            hint=_("Choose somebody else of the organisation."),
        )


def _refuse_reason(reason: str) -> None:
    if not SHORTEST_REASON <= len(reason.strip()) <= _MOST_REASON:
        raise Invalid(
            {
                "reason": _(
                    "Say why, in %(least)d to %(most)d characters: the organisation reads it."
                )
                % {"least": SHORTEST_REASON, "most": _MOST_REASON}
            }
        )


def _on_behalf(actor: Actor, user: User) -> Actor:
    return Actor(
        kind="staff",
        id=actor.id,
        name=actor.name,
        is_staff=True,
        address=actor.address,
        request_id=actor.request_id,
        on_behalf_of=user.email,
        on_behalf_of_id=str(user.pk),
    )


def _tell_person(actor: Actor, user: User, reason: str) -> None:
    """By bell and mail, as they wish; beside what their organisations read in the audit trail."""
    member = Membership.objects.filter(user=user).order_by("pk").first()
    if member is not None:
        notify(
            "staff.impersonated",
            organisation_id=member.organisation_id,
            person_id=user.pk,
            params={"by": actor.name, "reason": reason.strip()},
        )


def _record(actor: Actor, user: User, verb: str, reason: str, **after: str) -> None:
    """In one order of chains for everybody, as `portal.audit.looks`."""
    slugs = Membership.objects.filter(user=user).values_list("organisation__slug", flat=True)
    for chain in sorted({*slugs, PROVIDER}):
        record(actor, verb, "user", str(user.pk), chain=chain, after=after, reason=reason)
