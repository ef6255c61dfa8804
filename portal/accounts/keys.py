"""Keys of programs that are the provider's own, as meters and probers are: their text, and their
check at the door. Each sort has its table (a `Key`), and whoever owns that makes and revokes them.

A key is no token of a person or service account, so nobody's role or scope can come to hold what it
does.
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import TypeVar

from django.db.models import QuerySet

from portal.accounts.models import Key
from portal.kernel import clock, crypto
from portal.kernel.actor import Actor
from portal.kernel.errors import NotPermitted

_USED_GRANULARITY = timedelta(minutes=1)
K = TypeVar("K", bound=Key)


def new_text(prefix: str) -> str:
    """192 random bits behind a prefix that says what sort of key it is."""
    return f"{prefix}{secrets.token_urlsafe(24)}"


def require_provider(actor: Actor, text: str) -> None:
    """Raises: NotPermitted, saying `text`, unless the provider asks."""
    if not actor.is_provider:
        raise NotPermitted(text)


def revoke(key: Key) -> bool:
    """Ends a key at once; whether it held until now. Call it while its row is locked."""
    if key.revoked_at is not None:
        return False
    key.revoked_at = clock.now()
    key.save(update_fields=["revoked_at"])
    return True


def used(keys: QuerySet[K], text: str) -> K | None:
    """The one of `keys` that holds and has this text. One query; the time of use is written at most
    once a minute.
    """
    key = keys.filter(digest=crypto.digest(text), revoked_at__isnull=True).first()
    if key is None:
        return None
    now = clock.now()
    if key.last_used_at is None or now - key.last_used_at > _USED_GRANULARITY:
        keys.filter(pk=key.pk).update(last_used_at=now)
    return key
