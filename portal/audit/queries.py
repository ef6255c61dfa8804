"""Reads of the audit trail, and its proof."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet

from portal.audit.actions import event_hash, personal_digest
from portal.audit.models import AuditEvent


@dataclass(frozen=True, slots=True)
class Verification:
    """Of one chain. `first_bad` is the sequence number at which it no longer holds.

    `head` is the hash of the last event. A chain whose end was cut off still holds by itself: keep
    heads elsewhere and compare.
    """

    chain: str
    count: int
    first_bad: int | None = None
    why: str = ""
    head: str = ""

    @property
    def ok(self) -> bool:
        return self.first_bad is None


def events_for(
    chain: str,
    *,
    project: str = "",
    target: str = "",
    verb: str = "",
    actor: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
) -> QuerySet[AuditEvent]:
    """The events of a chain, newest first. `actor` matches id or name, or on whose behalf."""
    rows = AuditEvent.objects.filter(chain=chain)
    if project:
        rows = rows.filter(project=project)
    if target:
        rows = rows.filter(target=target)
    if verb:
        rows = rows.filter(verb__startswith=verb)
    if actor:
        named = Q(actor_name__iexact=actor) | Q(on_behalf_of__iexact=actor)
        rows = rows.filter(named | Q(actor_id=actor) | Q(on_behalf_of_id=actor))
    if since:
        rows = rows.filter(at__gte=since)
    if until:
        rows = rows.filter(at__lt=until)
    return rows.order_by("-sequence")


def events_of_request(request_id: str, most: int) -> list[AuditEvent]:
    """For staff: what one request (or the work of one operation) did, in all chains."""
    return list(AuditEvent.objects.filter(request_id=request_id).order_by("-id")[:most])


def chains() -> list[str]:
    return list(AuditEvent.objects.order_by("chain").values_list("chain", flat=True).distinct())


def verify(chain: str) -> Verification:
    """Recomputes every hash of `chain`. Erased personal fields are no fault."""
    previous, count = "", 0
    for event in AuditEvent.objects.filter(chain=chain).order_by("sequence").iterator():
        count += 1
        why = _fault(event, previous, count)
        if why:
            return Verification(chain, count, event.sequence, why)
        previous = event.hash
    return Verification(chain, count, head=previous)


def _fault(event: AuditEvent, previous: str, expected: int) -> str:
    if event.sequence != expected:
        return f"event {expected} is missing"
    if event.previous_hash != previous:
        return "it does not follow the event before it"
    if event_hash(event) != event.hash:
        return "a field was changed"
    erased = not (event.salt or event.actor_name or event.address or event.on_behalf_of)
    if not erased and personal_digest(event) != event.personal_digest:
        return "name or address were changed"
    return ""
