"""Reads of the audit trail, and its proof."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Max, Q, QuerySet

from portal.audit.actions import event_hash, personal_digest
from portal.audit.models import AuditEvent, ChainCheck

_LATELY, _MOST_NAMES = 2000, 50


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


def verify(chain: str, *, newest: int | None = None) -> Verification:
    """Recomputes every hash of `chain`, or of its `newest` events, the first of which must follow
    the one before it. Erased personal fields are no fault.
    """
    rows = AuditEvent.objects.filter(chain=chain)
    last = rows.aggregate(last=Max("sequence"))["last"] or 0
    start = max(last - newest, 0) if newest is not None else 0
    before = rows.filter(sequence=start).values_list("hash", flat=True).first()
    previous, number = before or "", start
    for event in rows.filter(sequence__gt=start).order_by("sequence").iterator():
        number += 1
        why = _fault(event, previous, number)
        if why:
            return Verification(chain, number - start, event.sequence, why)
        previous = event.hash
    return Verification(chain, number - start, head=previous)


def last_checks(chain: str) -> list[ChainCheck]:
    """Of all of the chain, and of its newest events; the later first."""
    return list(ChainCheck.objects.filter(chain=chain).order_by("-at"))


def actors_of(chain: str) -> list[str]:
    """The names of those who acted lately, by name. Bounded, however long the chain is."""
    rows = AuditEvent.objects.filter(chain=chain).order_by("-sequence")
    names = rows.values_list("actor_name", "on_behalf_of")[:_LATELY]
    return sorted({name for pair in names for name in pair if name})[:_MOST_NAMES]


FAULTS = {
    "missing": "an event before it is missing",
    "unlinked": "it does not follow the event before it",
    "changed": "a field was changed",
    "person": "name or address were changed",
}


def _fault(event: AuditEvent, previous: str, expected: int) -> str:
    """A key of FAULTS, or nothing."""
    if event.sequence != expected:
        return "missing"
    if event.previous_hash != previous:
        return "unlinked"
    if event_hash(event) != event.hash:
        return "changed"
    erased = not (event.salt or event.actor_name or event.address or event.on_behalf_of)
    if not erased and personal_digest(event) != event.personal_digest:
        return "person"
    return ""
