"""What is known of people: their addresses."""

from __future__ import annotations

from allauth.account.models import EmailAddress

from portal.accounts.models import User


def addresses_of(user: User) -> frozenset[str]:
    """The address of the account and every other that the person has confirmed, in lower case."""
    rows = EmailAddress.objects.filter(user_id=user.pk, verified=True)
    confirmed = {email.lower() for email in rows.values_list("email", flat=True)}
    return frozenset(confirmed | {user.email.lower()})
