"""The end of an account."""

from __future__ import annotations

from allauth.usersessions.models import UserSession
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from billing.budgets.actions import forget_person as forget_in_budgets
from billing.commitments.actions import forget_person as forget_in_commitments
from billing.credits.vouchers import forget_person as forget_in_vouchers
from billing.focus.exports import forget_person as forget_in_exports
from billing.identity.actions import forget_person as forget_in_identities
from billing.orders.ordering import forget_person as forget_in_orders
from billing.usage.meter_keys import forget_person as forget_in_meter_keys
from billing.usage.quarantine import forget_person as forget_in_quarantine
from portal.accounts.models import User
from portal.accounts.people import addresses_of
from portal.audit.actions import PROVIDER, erase_person, record
from portal.kernel.actor import SYSTEM, Actor
from portal.kernel.errors import Conflict
from portal.notifications.webhooks import forget_person as forget_in_webhooks
from portal.privacy.queries import organisations_that_keep
from portal.tenancy import members
from portal.tenancy.models import Invitation, Membership
from services.instances.actions import forget_person as forget_in_services
from services.regions.prober_keys import forget_person as forget_in_prober_keys

_FORGET = (
    forget_in_services,
    forget_in_orders,
    forget_in_commitments,
    forget_in_budgets,
    forget_in_vouchers,
    forget_in_identities,
    forget_in_exports,
    forget_in_meter_keys,
    forget_in_quarantine,
    forget_in_webhooks,
    forget_in_prober_keys,
)


@transaction.atomic
def delete_account(*, actor: Actor, user: User) -> None:
    """The person leaves every organisation, and everything that names them goes: account, tokens,
    sessions, second factors. The audit trail keeps what was done, without who it was. The billing
    identity of an organisation stays, even where it names the person: the law wants invoices kept.

    Raises: Conflict for the last owner of an organisation in use.
    """
    kept_by = organisations_that_keep(user)
    if kept_by:
        raise _last_owner([organisation.name for organisation in kept_by])
    rows = Membership.objects.filter(user=user).select_related("organisation")
    for member in rows.filter(organisation__archived_at__isnull=True):
        members.remove_member(actor=actor, member=member)
    for session in UserSession.objects.filter(user=user):
        session.end()
    for name in {user.email, str(user)}:
        for forget_in in _FORGET:
            forget_in(name)
    Invitation.objects.filter(email__in=addresses_of(user)).delete()
    key = str(user.pk)
    user.delete()
    record(actor, "user.delete", "user", key, chain=PROVIDER)
    erase_person(SYSTEM, actor_id=key)


def _last_owner(names: list[str]) -> Conflict:
    return Conflict(
        ngettext(
            "You are the last owner of %(names)s.",
            "You are the last owner of each of these: %(names)s.",
            len(names),
        )
        % {"names": ", ".join(names)},
        hint=_("Make somebody else an owner, or archive the organisation, then come back."),
        code="last-owner",
    )
