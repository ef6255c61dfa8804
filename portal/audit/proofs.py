"""The proof of the chains, kept so that a page can show when they last held."""

from __future__ import annotations

import logging

from portal.audit.models import AuditEvent, ChainCheck
from portal.audit.queries import chains, verify
from portal.kernel import clock

logger = logging.getLogger(__name__)


def check(chain: str, *, newest: int | None = None) -> ChainCheck:
    """Verifies all of a chain, or its newest events, and remembers the outcome."""
    found = verify(chain, newest=newest)
    total = AuditEvent.objects.filter(chain=chain).count()
    row, _made = ChainCheck.objects.update_or_create(
        chain=chain,
        complete=newest is None or total <= newest,
        defaults={
            "at": clock.now(),
            "count": found.count,
            "total": total,
            "head": found.head,
            "first_bad": found.first_bad,
            "why": found.why,
        },
    )
    if not row.ok:
        logger.error("audit.broken", extra={"chain": chain, "event": row.first_bad})
    return row


def check_all() -> int:
    """Every chain as a whole. Returns how many are broken."""
    return sum(not check(chain).ok for chain in chains())
