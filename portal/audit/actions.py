"""Writes to the audit trail. One hash chain per organisation and one for the provider."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from datetime import UTC
from typing import Any

from django.db import connection, transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from portal.audit import masking
from portal.audit.models import AuditEvent
from portal.kernel import clock
from portal.kernel.actor import Actor
from portal.kernel.context import request_id
from portal.kernel.errors import NotPermitted

PROVIDER = "provider"
_HASHED = (
    "chain",
    "sequence",
    "actor_kind",
    "actor_id",
    "token",
    "request_id",
    "verb",
    "target_kind",
    "target",
    "project",
    "before",
    "after",
    "reason",
    "personal_digest",
    "previous_hash",
)


def record(
    actor: Actor,
    verb: str,
    target_kind: str,
    target: str,
    *,
    chain: str,
    project: str = "",
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    reason: str = "",
) -> AuditEvent:
    """Appends one act to `chain` (an organisation's slug, or PROVIDER) in the caller's transaction.

    `verb` is `noun.verb`. Values under names that sound like secrets are masked. The chain is
    locked until the transaction ends, so that two writers cannot fork it: call this last, after
    the rows are locked and written. Raises: RuntimeError outside a transaction.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("an audit record belongs to the transaction that it describes")
    _lock(chain)
    last = AuditEvent.objects.filter(chain=chain).order_by("-sequence").first()
    event = AuditEvent(
        chain=chain,
        sequence=last.sequence + 1 if last else 1,
        at=clock.now(),
        actor_kind="staff" if actor.is_impersonating else actor.kind,
        actor_id=actor.id,
        actor_name=actor.name,
        address=actor.address,
        on_behalf_of_id=actor.on_behalf_of_id,
        on_behalf_of=actor.on_behalf_of,
        token=actor.token_id,
        request_id=actor.request_id or request_id.get(),
        verb=verb,
        target_kind=target_kind,
        target=target,
        project=project,
        before=masking.masked(before or {}),
        after=masking.masked(after or {}),
        reason=masking.text(reason),
        salt=secrets.token_hex(16),
        previous_hash=last.hash if last else "",
    )
    event.personal_digest = personal_digest(event)
    event.hash = event_hash(event)
    event.save(force_insert=True)
    return event


def erase_person(actor: Actor, *, actor_id: str) -> int:
    """Removes names and address from what one actor did, and from what was done on their behalf, in
    all chains; the chains stay whole.

    The salt goes too: without it nobody can try names against the digest. Returns the number of
    rows. Raises: NotPermitted unless the provider asks.
    """
    if not actor.is_provider:
        raise NotPermitted(
            _("Only the provider can erase a person from the audit trail."),
            hint=_("Ask the provider's data protection officer."),
        )
    with transaction.atomic():
        theirs = Q(actor_id=actor_id) | Q(on_behalf_of_id=actor_id)
        rows = AuditEvent.objects.filter(theirs).exclude(salt="")
        count = rows.update(actor_name="", address="", on_behalf_of="", salt="")
        record(actor, "audit.erase", "actor", actor_id, chain=PROVIDER, after={"rows": count})
    return count


def event_hash(event: AuditEvent) -> str:
    """SHA-256 over every field but the personal ones, which enter by their digest.

    `on_behalf_of_id` enters where there is one: events of before it was known keep their hash.
    """
    fields = {name: getattr(event, name) for name in _HASHED}
    if event.on_behalf_of_id:
        fields["on_behalf_of_id"] = event.on_behalf_of_id
    fields["at"] = event.at.astimezone(UTC).isoformat()
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def personal_digest(event: AuditEvent) -> str:
    parts = [event.salt, event.actor_name, event.address]
    if event.on_behalf_of_id or event.on_behalf_of:
        parts.append(event.on_behalf_of)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _lock(chain: str) -> None:
    """One writer a chain until the transaction ends; the key is a stable 63-bit number of its
    name.
    """
    key = int.from_bytes(hashlib.sha256(f"audit:{chain}".encode()).digest()[:8]) >> 1
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s)", [key])
