"""What could run on spare capacity: feeds the pure rule (`billing.advice.spot`) with what a service
did, what spare capacity cost of late, and how often it was taken away in its region.

A service is ordered on spare capacity or not, so following this is another order, with its form
filled in; the data are moved by who knows them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from billing.advice import spot
from billing.advice.finding import Finding
from billing.einvoice.document import rounded
from billing.metering.plantime import Happening, Piece, running
from billing.models import Recommendation
from billing.pricebook.queries import quote_for
from billing.spot import history
from billing.spot.factors import METERS
from portal.kernel.errors import Unavailable
from services import registry
from services.instances import spare
from services.instances.models import Instance, InstanceEvent, SpotInterruption
from services.instances.states import Phase

if TYPE_CHECKING:
    from portal.tenancy.models import Organisation
    from services.regions.models import Region

LOOK_BACK = timedelta(days=30)
LEAST_SAVING = Decimal(2)  # euro a month
# Nobody tells how often a service writes one; an hour is on the careful side of most.
CHECKPOINT = timedelta(hours=1)
_MEASURED = 720  # service-hours on spare capacity, from which on its rate says something


@dataclass(frozen=True, slots=True)
class Taken:
    """How often services on spare capacity of a region were interrupted in how many hours."""

    times: int
    hours: Decimal

    @property
    def per_hour(self) -> Decimal:
        return self.times / self.hours if self.hours else Decimal(0)


def findings_for(
    organisation: Organisation, now: datetime, *, without: Collection[int] = ()
) -> Iterator[Finding]:
    """Of services that say by their tags that they may be interrupted; not of those `without`."""
    rows = Instance.objects.filter(
        project__organisation=organisation,
        phase__in=[Phase.RUNNING, Phase.PAUSED],
        spot=False,
        tags__has_key="checkpoints",
    ).exclude(pk__in=without)
    found = list(rows.select_related("project__organisation", "region").order_by("pk"))
    lives = _lives([row.pk for row in found], now)
    taken: dict[int, Taken] = {}
    for row in found:
        if row.region_id not in taken:
            taken[row.region_id] = taken_away(row.region, now)
        one = _of(row, lives.get(row.pk, []), taken[row.region_id], now)
        yield from [one] if one else []


def taken_away(region: Region, now: datetime) -> Taken:
    """In the last 30 days."""
    first = now - LOOK_BACK
    times = SpotInterruption.objects.filter(
        instance__region=region, interrupted_at__gte=first, interrupted_at__lt=now
    ).count()
    keys = Instance.objects.filter(region=region, spot=True).values_list("pk", flat=True)
    pieces = (piece for life in _lives(list(keys), now).values() for piece in life)
    return Taken(times, sum((_hours(piece) for piece in pieces), Decimal(0)))


def _of(row: Instance, life: list[Piece], taken: Taken, now: datetime) -> Finding | None:
    entry = registry.entries().get(row.offering)
    if entry is None or row.plan not in {plan.id for plan in entry.offering.plans}:
        return None
    plan = entry.offering.plan(row.plan)
    if spare.plan_fault(entry, row.region, plan):
        return None
    try:
        listed = quote_for(entry.offering, plan, row.region.code)
        factor = history.timeline().mean(
            row.region.code, entry.offering.price_class, now - LOOK_BACK, now
        )
    except (Unavailable, KeyError):
        return None
    spans = [piece.end - piece.start for piece in life]
    if life and life[-1].end >= now and spans[-1] < spot.LONGEST_RUN:
        spans.pop()  # it has not ended yet
    candidate = spot.candidate(
        row.tags, spans, [factor], taken_away_per_hour=taken.per_hour, checkpoint=CHECKPOINT
    )
    if candidate is None:
        return None
    hourly = sum((line.hourly.amount for line in listed.lines if line.meter in METERS), Decimal(0))
    ran = sum((_hours(piece) for piece in life), Decimal(0))
    saving = rounded(ran * hourly * candidate.share)
    if saving < LEAST_SAVING:
        return None
    return Finding(
        kind=Recommendation.Kind.SPOT,
        subject=row.public_id,
        instance=row,
        current={"plan": row.plan, "monthly": f"{rounded(ran * hourly):f}"},
        proposed={
            "action": "spot",
            "offering": row.offering,
            "plan": row.plan,
            "region": row.region.code,
        },
        saving_month=saving,
        currency=listed.currency,
        confidence="medium" if taken.hours >= _MEASURED else "low",
        evidence={
            "rule": spot.RULE,
            "version": spot.VERSION,
            "factor": f"{factor:f}",
            "runs": candidate.runs,
            "longest_minutes": candidate.longest // timedelta(minutes=1),
            "ran_hours": f"{ran:.1f}",
            "rework_percent": f"{candidate.rework_percent:f}",
            "interruptions": taken.times,
            "spot_hours": f"{taken.hours:.1f}",
            "prices": list(listed.price_ids),
        },
    )


def _lives(keys: Collection[int], now: datetime) -> dict[int, list[Piece]]:
    """When each ran in the last 30 days."""
    first = now - LOOK_BACK
    rows = InstanceEvent.objects.filter(instance__in=keys, at__lt=now)
    listed = rows.order_by("instance", "at", "id").values_list(
        "instance", "at", "code", "plan", "operation__kind"
    )
    happenings: dict[int, list[Happening]] = defaultdict(list)
    for key, at, code, plan, kind in listed:
        happenings[key].append(Happening(at, code, plan, kind or ""))
    return {
        key: [
            Piece(max(piece.start, first), piece.end, piece.plan)
            for piece in running(events, now)
            if piece.end > first
        ]
        for key, events in happenings.items()
    }


def _hours(piece: Piece) -> Decimal:
    return Decimal((piece.end - piece.start) // timedelta(seconds=1)) / 3600
