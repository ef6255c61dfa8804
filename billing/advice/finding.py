"""What the rules say of an organisation now. Reads what it runs and took, and writes nothing."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from billing.advice import idle, sizes
from billing.advice.sizes import Priced, Proposal
from billing.einvoice.document import rounded
from billing.models import Recommendation
from billing.pricebook.queries import quotes_of
from services import registry
from services.instances import utilisation
from services.instances.admission import plan_fault
from services.instances.models import Instance
from services.instances.opening import capabilities
from services.instances.specs import entry_of
from services.instances.states import Phase
from services.spec import Capability, Entry, Family

if TYPE_CHECKING:
    from billing.pricebook.pricing import Quote
    from portal.tenancy.models import Organisation
    from services.instances.utilisation import Day

logger = logging.getLogger(__name__)
_Kind = Recommendation.Kind
# They hold their data in memory, so what they take of it is all that they need.
_IN_MEMORY = frozenset({"redis", "memcached"})
_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Finding:
    """See Recommendation for the words."""

    kind: Recommendation.Kind
    subject: str
    current: Mapping[str, Any]
    proposed: Mapping[str, Any]
    saving_month: Decimal
    confidence: str
    evidence: Mapping[str, Any]
    currency: str = "EUR"
    instance: Instance | None = None

    @property
    def key(self) -> tuple[str, str]:
        return self.kind.value, self.subject


def findings_for(organisation: Organisation, now: datetime) -> Iterator[Finding]:
    """Of each running service one at most: one that nobody uses needs no other size."""
    rows = Instance.objects.filter(
        project__organisation=organisation, phase=Phase.RUNNING
    ).select_related("project__organisation", "region")
    first = now.date() - timedelta(days=sizes.LOOK_BACK_DAYS)
    quotes: dict[tuple[str, str], dict[str, Quote]] = {}
    for part in _parts(list(rows.order_by("pk"))):
        days = utilisation.days_of([row.pk for row in part], first)
        for row in part:
            if row.offering not in registry.entries() or row.pk not in days:
                continue
            entry, key = entry_of(row), (row.offering, row.region.code)
            if key not in quotes:
                quotes[key] = quotes_of(entry.offering, row.region.code)
            if row.plan in quotes[key]:
                found = _of_service(row, entry, days[row.pk], quotes[key], now)
                yield from [found] if found else []


def _parts(rows: Sequence[Instance]) -> Iterable[Sequence[Instance]]:
    return (rows[start : start + _AT_ONCE] for start in range(0, len(rows), _AT_ONCE))


def _of_service(
    row: Instance, entry: Entry, days: Sequence[Day], quotes: Mapping[str, Quote], now: datetime
) -> Finding | None:
    plan = entry.offering.plan(row.plan)
    database = entry.offering.family == Family.DATABASES
    unused = idle.idle(days, now, plan, database=database)
    if unused is not None:
        return _idle(row, unused, quotes[row.plan])
    others = (
        Priced(other, quotes[other.id].monthly.amount)
        for other in entry.offering.plans
        if other.id in quotes and other.id != row.plan and not other.retired
    )
    found = sizes.propose(
        days,
        now.date(),
        Priced(plan, quotes[row.plan].monthly.amount),
        [other for other in others if not plan_fault(row, entry, other.plan)],
        caches=database and row.offering not in _IN_MEMORY,
    )
    return _size(row, found, days, quotes) if found else None


def _idle(row: Instance, found: idle.Idle, quote: Quote) -> Finding | None:
    """What a pause saves: all but what is kept."""
    saving = sum(
        (line.monthly.amount for line in quote.lines if line.meter != "storage_gib"), Decimal(0)
    )
    if saving <= 0:
        return None
    action = "pause" if Capability.PAUSE in capabilities(row) else "delete"
    return Finding(
        kind=_Kind.IDLE,
        subject=row.public_id,
        instance=row,
        current={"plan": row.plan, "monthly": f"{quote.monthly.amount:f}"},
        proposed={"action": action},
        saving_month=rounded(saving if action == "pause" else quote.monthly.amount),
        currency=quote.currency,
        confidence=found.confidence,
        evidence={
            "rule": idle.RULE,
            "version": idle.VERSION,
            "because": found.because,
            "days": found.days,
            "hours": found.hours,
            "cpu_percent": found.cpu_percent,
            "prices": list(quote.price_ids),
        },
    )


def _size(
    row: Instance, found: Proposal, days: Sequence[Day], quotes: Mapping[str, Quote]
) -> Finding:
    now, then = quotes[row.plan], quotes[found.plan.id]
    return Finding(
        kind=_Kind.RIGHT_SIZE,
        subject=row.public_id,
        instance=row,
        current={"plan": row.plan, "monthly": f"{now.monthly.amount:f}"},
        proposed={"plan": found.plan.id, "monthly": f"{then.monthly.amount:f}"},
        saving_month=rounded(found.saving),
        currency=now.currency,
        confidence=found.confidence,
        evidence={
            "rule": sizes.RULE,
            "version": sizes.VERSION,
            "need": asdict(found.need),
            "simulated": asdict(found.simulated),
            "series": list(_series(days)),
            "prices": [*now.price_ids, *then.price_ids],
        },
    )


def _series(days: Sequence[Day]) -> Iterator[dict[str, Any]]:
    """The busiest hour's average and the highest minute of each day."""
    for day in days:
        if day.hours:
            yield {
                "day": day.day.isoformat(),
                "cpu": max(hour.cpu for hour in day.hours),
                "cpu_max": max(hour.cpu_max for hour in day.hours),
                "memory_max": max(hour.memory_max for hour in day.hours),
            }
