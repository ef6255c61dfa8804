"""What the provider's staff looked at, written into the trail of whom it belongs to.

A person who reads on and on would bury everything else, so a look is written once an hour for each
person and organisation; one with a reason always is.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from django.db import transaction

from portal.audit.actions import record
from portal.audit.models import AuditEvent
from portal.kernel import clock
from portal.kernel.actor import Actor

VERB = "staff.view"
ONCE = timedelta(hours=1)


@transaction.atomic
def record_looks(actor: Actor, chains: Iterable[str], *, seen: str, reason: str = "") -> int:
    """`seen` names what was looked at, in a word. One query when all was written before.

    Returns how many looks were written.
    """
    wanted = set(chains)
    if wanted and not reason:
        wanted -= _written(actor, wanted)
    # In one order for everybody: each chain stays locked until the transaction ends.
    for chain in sorted(wanted):
        after = {"seen": seen}
        record(actor, VERB, "organisation", chain, chain=chain, after=after, reason=reason)
    return len(wanted)


def _written(actor: Actor, chains: set[str]) -> set[str]:
    rows = AuditEvent.objects.filter(
        target__in=chains, at__gt=clock.now() - ONCE, verb=VERB, actor_id=actor.id
    )
    return set(rows.values_list("chain", flat=True))
