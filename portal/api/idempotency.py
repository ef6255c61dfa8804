"""A POST with an `Idempotency-Key` makes one thing, however often it is sent.

The record is written in the transaction of what it made, under an advisory lock of actor and key:
after a crash there is either both or neither, and nobody waits for a request that died. Errors are
not remembered: they made nothing. A replay is rendered anew; show-once secrets are not in it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from django.db import connection, transaction
from django.http import HttpResponse
from django.utils.translation import gettext as _

from portal.api.base import View
from portal.api.models import IdempotencyRecord
from portal.api.reading import read_idempotency_key
from portal.kernel import clock
from portal.kernel.actor import Actor
from portal.kernel.errors import Conflict, PortalError

REMEMBERED = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Made:
    """What was made, by kind and public id, and the answer that tells it."""

    kind: str
    id: str
    response: HttpResponse


def once(
    view: View, make: Callable[[], Made], again: Callable[[str], HttpResponse]
) -> HttpResponse:
    """The answer of `make`, or that of `again(id)` when the same was asked within a day.

    Raises: Conflict while the first request is being answered; PortalError 422 for a key that stood
    for something else.
    """
    key = read_idempotency_key(view.http)
    if not key:
        return make().response
    with transaction.atomic():
        actor = _name(view.actor)
        _lock(actor, key)
        found = IdempotencyRecord.objects.filter(actor=actor, key=key).first()
        if found is not None and found.created_at > clock.now() - REMEMBERED:
            return _replay(view, found, again)
        if found is not None:
            found.delete()
        made = make()
        IdempotencyRecord.objects.create(
            actor=actor,
            key=key,
            path=view.http.path[:300],
            body_hash=_body_hash(view),
            status=made.response.status_code,
            object_kind=made.kind,
            object_id=made.id,
        )
        return made.response


def expire() -> int:
    """Forgets what is older than a day. Returns how many."""
    old = IdempotencyRecord.objects.filter(created_at__lt=clock.now() - REMEMBERED)
    return old.delete()[0]


def _replay(
    view: View, found: IdempotencyRecord, again: Callable[[str], HttpResponse]
) -> HttpResponse:
    if found.path != view.http.path[:300] or found.body_hash != _body_hash(view):
        known = PortalError(
            _("This Idempotency-Key was used for another request."),
            hint=_("Use a new key for a new request."),
            code="idempotency-key-reused",
        )
        known.status = 422
        raise known
    response = again(found.object_id)
    response.status_code = found.status
    return response


def _name(actor: Actor) -> str:
    return f"{actor.kind}:{actor.id}"[:60]


def _body_hash(view: View) -> str:
    query = view.http.META.get("QUERY_STRING", "").encode()
    return hashlib.sha256(query + b"\0" + view.http.body).hexdigest()


def _lock(actor: str, key: str) -> None:
    """Held until the transaction ends. Raises: Conflict when another request holds it."""
    name = f"idempotency:{actor}:{key}".encode()
    number = int.from_bytes(hashlib.sha256(name).digest()[:8]) >> 1
    with connection.cursor() as cursor:
        cursor.execute("select pg_try_advisory_xact_lock(%s)", [number])
        row = cursor.fetchone()
    if not row or not row[0]:
        raise Conflict(
            _("The first request with this Idempotency-Key is still being answered."),
            hint=_("Wait a moment, then send it again."),
            code="idempotency-key-in-use",
        )
