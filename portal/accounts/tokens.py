"""API tokens at the door: from the text in a header to an actor."""

from __future__ import annotations

import secrets
from datetime import timedelta

from portal.accounts.models import ApiToken
from portal.kernel import clock, crypto
from portal.kernel.actor import Actor

PREFIX = "polder_"
_USED_GRANULARITY = timedelta(minutes=1)


def new_text() -> str:
    """192 random bits behind a prefix that scanners for leaked secrets can recognise."""
    return f"{PREFIX}{secrets.token_urlsafe(24)}"


def authenticate(text: str, *, address: str = "", request_id: str = "") -> Actor | None:
    """The actor behind a token; None for one that is unknown, revoked, expired or whose owner is
    gone. One query; the time of use is written at most once a minute."""
    if not text.startswith(PREFIX):
        return None
    token = (
        ApiToken.objects.filter(digest=crypto.digest(text))
        .select_related("user", "service_account")
        .first()
    )
    if token is None or not _is_good(token):
        return None
    now = clock.now()
    if token.last_used_at is None or now - token.last_used_at > _USED_GRANULARITY:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
    return _actor(token, address, request_id)


def _is_good(token: ApiToken) -> bool:
    if token.revoked_at is not None:
        return False
    if token.expires_at is not None and token.expires_at <= clock.now():
        return False
    if token.user is not None:
        return token.user.is_active
    return token.service_account is not None and token.service_account.disabled_at is None


def _actor(token: ApiToken, address: str, request_id: str) -> Actor:
    user, account = token.user, token.service_account
    return Actor(
        kind="user" if user else "service_account",
        id=str(user.pk) if user else (account.public_id if account else ""),
        name=user.email if user else (account.name if account else ""),
        user_id=user.pk if user else None,
        service_account_id=account.pk if account else None,
        token_id=token.public_id,
        scopes=frozenset(token.permissions) if token.permissions else None,
        organisation_id=token.organisation_id,
        project_id=token.project_id,
        address=address,
        request_id=request_id,
    )
