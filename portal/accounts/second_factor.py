"""The second factor of a sign-in: an authenticator app, or a passkey or security key.

django-allauth does the work (`allauth.mfa`); what it stores is encrypted with our keys.
"""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Iterable
from typing import Any

from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.db.models import Exists
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.accounts.actors import address_of
from portal.accounts.models import User
from portal.kernel import crypto

logger = logging.getLogger("portal.accounts")
_KINDS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)


class MfaAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # allauth has no types
    """Secrets at rest are encrypted; the provider's name stands in authenticator apps."""

    error_messages = {
        **DefaultMFAAdapter.error_messages,
        "unverified_email": gettext_lazy(
            "Confirm your e-mail address first: whoever has it could not get in otherwise."
        ),
        "add_email_blocked": gettext_lazy(
            "With a second factor no address can be added: it would not be confirmed yet."
        ),
    }

    def encrypt(self, text: str) -> str:
        return crypto.encrypt(text)

    def decrypt(self, encrypted_text: str) -> str:
        return crypto.decrypt(encrypted_text)

    def get_totp_issuer(self) -> str:
        return str(settings.POLDER_PROVIDER_NAME)

    def _get_site_name(self) -> str:
        return str(settings.POLDER_PROVIDER_NAME)

    def generate_authenticator_name(self, user: User, type: Any) -> str:
        number = Authenticator.objects.filter(user=user, type=type).count() + 1
        return _("Passkey %(number)s") % {"number": number}


def note_failure(request: HttpRequest, user: User, **_more: Any) -> None:
    """A wrong code or a wrong passkey, after the right password or on confirming who one is."""
    told = {"user": user.pk, "address": address_of(request)}
    logger.warning("second_factor.failed", extra=told)


def held_by(user_id: int | None) -> Exists:
    """Condition: that this person has a second factor. Recovery codes alone are none."""
    return Exists(Authenticator.objects.filter(user_id=user_id, type__in=_KINDS))


def holders(user_keys: Iterable[int]) -> set[int]:
    """Those of these people, by key, who have one. One query."""
    rows = Authenticator.objects.filter(user_id__in=list(user_keys), type__in=_KINDS)
    return set(rows.values_list("user_id", flat=True))


def has_one(user: User) -> bool:
    return bool(Authenticator.objects.filter(user=user, type__in=_KINDS).exists())


def passkeys_work_here() -> bool:
    """Browsers give passkeys to names only, never to a bare address such as 127.0.0.1."""
    host = context.request.get_host().rpartition(":")[0] or context.request.get_host()
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return True
    return False


def reencrypt(row: Authenticator) -> None:
    """What `row` keeps secret, under the newest key; the caller saves it."""
    for name in ("secret", "seed"):
        if name in row.data:
            row.data[name] = crypto.reencrypt(row.data[name])
