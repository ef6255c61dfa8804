"""API tokens at the door: from the text in a header to an actor."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any

from django.db.models import QuerySet

from portal.accounts.models import ApiToken
from portal.kernel import clock, crypto, prepared
from portal.kernel.actor import Actor

PREFIX = "polder_"
_USED_GRANULARITY = timedelta(minutes=1)
_MARKS = prepared.marks_for({"digest": ""})
_FIELDS = (
    "pk",
    "public_id",
    "user_id",
    "user__email",
    "user__is_active",
    "service_account_id",
    "service_account__public_id",
    "service_account__name",
    "service_account__disabled_at",
    "organisation_id",
    "project_id",
    "permissions",
    "expires_at",
    "revoked_at",
    "last_used_at",
)


def new_text() -> str:
    """192 random bits behind a prefix that scanners for leaked secrets can recognise."""
    return f"{PREFIX}{secrets.token_urlsafe(24)}"


def authenticate(text: str, *, address: str = "", request_id: str = "") -> Actor | None:
    """The actor behind a token; None for one that is unknown, revoked, expired or whose owner is
    gone. One query; the time of use is written at most once a minute."""
    if not text.startswith(PREFIX):
        return None
    rows = prepared.rows("token", _build, _MARKS, digest=crypto.digest(text))
    if not rows or not _is_good(rows[0]):
        return None
    token, now = rows[0], clock.now()
    if token["last_used_at"] is None or now - token["last_used_at"] > _USED_GRANULARITY:
        ApiToken.objects.filter(pk=token["pk"]).update(last_used_at=now)
    return _actor(token, address, request_id)


def _build() -> QuerySet[Any, Any]:
    rows: QuerySet[Any, Any] = ApiToken.objects.filter(**_MARKS).values(*_FIELDS)
    return rows


def _is_good(token: prepared.Row) -> bool:
    if token["revoked_at"] is not None:
        return False
    if token["expires_at"] is not None and token["expires_at"] <= clock.now():
        return False
    if token["user_id"] is not None:
        return bool(token["user__is_active"])
    return token["service_account__disabled_at"] is None


def _actor(token: prepared.Row, address: str, request_id: str) -> Actor:
    is_user = token["user_id"] is not None
    return Actor(
        kind="user" if is_user else "service_account",
        id=str(token["user_id"]) if is_user else token["service_account__public_id"],
        name=token["user__email"] if is_user else token["service_account__name"],
        user_id=token["user_id"],
        service_account_id=token["service_account_id"],
        token_id=token["public_id"],
        scopes=frozenset(token["permissions"]) if token["permissions"] else None,
        organisation_id=token["organisation_id"],
        project_id=token["project_id"],
        address=address,
        request_id=request_id,
    )
