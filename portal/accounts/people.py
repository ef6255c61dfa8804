"""What is known of people: their addresses, and whether a second factor guards their sign-in."""

from __future__ import annotations

from collections.abc import Iterable

from allauth.account.models import EmailAddress
from django.apps import apps

from portal.accounts.models import User


def addresses_of(user: User) -> frozenset[str]:
    """The address of the account and every other that the person has confirmed, in lower case."""
    rows = EmailAddress.objects.filter(user_id=user.pk, verified=True)
    confirmed = {email.lower() for email in rows.values_list("email", flat=True)}
    return frozenset(confirmed | {user.email.lower()})


def with_second_factor(user_keys: Iterable[int]) -> set[int]:
    """Those of these people, by key, who have an authenticator app or a passkey. One query."""
    if not apps.is_installed("allauth.mfa"):
        return set()
    rows = apps.get_model("mfa", "Authenticator").objects.filter(user_id__in=list(user_keys))
    return set(rows.exclude(type="recovery_codes").values_list("user_id", flat=True))


def may_be_written_to(user: User) -> bool:
    """False for an address that somebody typed at sign-up and nobody has confirmed since: it may
    belong to somebody who never heard of us.
    """
    rows = EmailAddress.objects.filter(user_id=user.pk, email__iexact=user.email)
    return user.is_active and not rows.filter(verified=False).exists()
