"""What is known of people: their addresses, and when they were last here."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from allauth.account.models import EmailAddress
from allauth.usersessions.models import UserSession
from django.db.models import Max

from portal.accounts.models import User


def addresses_of(user: User) -> frozenset[str]:
    """The address of the account and every other that the person has confirmed, in lower case."""
    rows = EmailAddress.objects.filter(user_id=user.pk, verified=True)
    confirmed = {email.lower() for email in rows.values_list("email", flat=True)}
    return frozenset(confirmed | {user.email.lower()})


def may_be_written_to(user: User) -> bool:
    """False for an address that somebody typed at sign-up and nobody has confirmed since: it may
    belong to somebody who never heard of us.
    """
    rows = EmailAddress.objects.filter(user_id=user.pk, email__iexact=user.email)
    return user.is_active and not rows.filter(verified=False).exists()


def last_seen(user_keys: Iterable[int]) -> dict[int, datetime]:
    """When each of these people was last here, by key; whoever never was is left out.

    Their sessions know it, and the last sign-in of those who have none. Two queries.
    """
    keys = list(user_keys)
    signed_in = User.objects.filter(pk__in=keys).values_list("pk", "last_login")
    found = {key: moment for key, moment in signed_in if moment is not None}
    sessions = UserSession.objects.filter(user_id__in=keys).order_by().values_list("user_id")
    for key, moment in sessions.annotate(seen=Max("last_seen_at")):
        found[key] = max(moment, found.get(key, moment))
    return found


def unconfirmed(user_id: int | None) -> list[str]:
    """Addresses of an account that nobody has shown to be theirs."""
    rows = EmailAddress.objects.filter(user_id=user_id, verified=False).order_by("-primary", "pk")
    return list(rows.values_list("email", flat=True))
