"""How much of each price class to reserve in each region, from the usage records of 90 days.

Usage is counted in pieces of one plan that runs there: as many as the scarcest of its parts would
fill, since a reservation is of all of them. What is reserved already is
taken off first. A reservation covers by the day (`billing.rating.covering`), and so does this.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.db.models import Min, Sum

from billing.advice import reservations
from billing.advice.finding import Finding
from billing.advice.reservations import Planned
from billing.commitments.actions import Reservation, Wanted, reservation_for
from billing.commitments.queries import reservable_classes
from billing.einvoice.document import rounded
from billing.models import Commitment, CommittedRate, Recommendation, UsageRecord
from billing.pricebook import reserved
from billing.pricebook.meters import METERS
from billing.pricebook.pricing import held_by
from billing.pricebook.queries import rates_for
from portal.kernel.actor import SYSTEM
from portal.kernel.errors import Invalid
from portal.kernel.money import HOURS_PER_MONTH
from services import registry
from services.instances.models import Instance
from services.instances.states import Phase

if TYPE_CHECKING:
    from portal.tenancy.models import Organisation

_NOTHING = Decimal(0)
_DAY_SECONDS = 86_400
_LEAST_EUROS = Decimal(2)
_CONFIDENCE = {90: "high", 60: "medium", 30: "low"}  # by days of use
Used = Mapping[str, Mapping[date, Decimal]]  # by meter and day, in pieces of its unit


def findings_for(
    organisation: Organisation, now: datetime, *, without: Collection[int] = ()
) -> Iterator[Finding]:
    """One at most for each price class and region; as if the services `without` were not there."""
    today = now.date()
    first = today - timedelta(days=reservations.WINDOWS_DAYS[-1])
    classes = reservable_classes()
    for offering, plan, region in _units(organisation, without):
        price_class = registry.get(offering).offering.price_class
        if price_class not in classes:
            continue
        key = (price_class, region)
        offers = _offers(organisation, offering, plan, region)
        if not offers:
            continue
        begun, used = _used(organisation, key, first, today, without)
        if begun is None:
            continue
        held = _held(organisation, key, today)
        use = _pieces(next(iter(offers.values())), used, held, max(begun, first), today)
        found = _planned(use, offers, seed=zlib.crc32(f"{organisation.pk}/{key}".encode()))
        if found is not None and found.saving > _LEAST_EUROS:
            yield _finding(key, (offering, plan), use, offers, found)


def _units(organisation: Organisation, without: Collection[int]) -> list[tuple[str, str, str]]:
    """The offering, plan and region to count in, one for each price class and region: of the plans
    that run, that of which whole pieces would cover the dearest part of all that runs; of several
    the smallest. One query.
    """
    rows = Instance.objects.filter(project__organisation=organisation, phase=Phase.RUNNING)
    rows = rows.exclude(pk__in=without)
    running: dict[tuple[str, str], Counter[tuple[str, str]]] = {}
    for offering, plan, region in rows.values_list("offering", "plan", "region__code"):
        entry = registry.entries().get(offering)
        if entry is not None:
            place = running.setdefault((entry.offering.price_class, region), Counter())
            place[(offering, plan)] += 1
    return [
        (*max(plans, key=_covered_by(price_class, region, plans)), region)
        for (price_class, region), plans in running.items()
    ]


def _covered_by(
    price_class: str, region: str, plans: Counter[tuple[str, str]]
) -> Callable[[tuple[str, str]], tuple[Decimal, Decimal]]:
    prices = {m: r.unit_price for m, r in rates_for(price_class, region).items()}
    parts = {key: _parts_of(*key) for key in plans}
    whole: dict[str, Decimal] = {}
    for key, count in plans.items():
        for meter, amount in parts[key].items():
            whole[meter] = whole.get(meter, _NOTHING) + amount * count

    def covered(key: tuple[str, str]) -> tuple[Decimal, Decimal]:
        part = parts[key]
        pieces = min((whole[meter] / amount for meter, amount in part.items()), default=_NOTHING)
        hourly = sum((n * prices.get(meter, _NOTHING) for meter, n in part.items()), _NOTHING)
        return pieces // 1 * hourly, -hourly

    return covered


def _parts_of(offering: str, plan: str) -> dict[str, Decimal]:
    """What a plan holds that is not stored, by meter."""
    entry = registry.get(offering).offering
    held = held_by(entry, entry.plan(plan)).items()
    return {meter: n for meter, n in held if n and not METERS[meter].is_stored}


def _offers(
    organisation: Organisation, offering: str, plan: str, region: str
) -> dict[str, Reservation]:
    """One piece, by term, the longest first; none where it has no reserved price."""
    found = {}
    for term in sorted(reserved.terms().values(), key=lambda term: -term.months):
        wanted = Wanted(term=term.id, offering=offering, plan=plan, pieces=1, region=region)
        try:
            found[term.id] = reservation_for(SYSTEM, organisation, wanted)
        except Invalid:
            return {}
    return found


def _used(
    organisation: Organisation,
    key: tuple[str, str],
    first: date,
    today: date,
    without: Collection[int],
) -> tuple[date | None, Used]:
    """Since when it is used at all, and how much on each day. Two queries."""
    price_class, region = key
    rows = UsageRecord.objects.filter(
        organisation=organisation,
        price_class=price_class,
        region=region,
        from_plan=True,
        spot_factor=None,
    ).exclude(instance__in=without)
    begun = rows.aggregate(day=Min("day"))["day"]
    used: dict[str, dict[date, Decimal]] = {}
    listed = rows.filter(day__gte=first, day__lt=today).values_list("meter", "day")
    for meter, day, seconds in listed.annotate(Sum("consumed")):
        used.setdefault(meter, {})[day] = seconds / _DAY_SECONDS
    return begun, used


def _held(organisation: Organisation, key: tuple[str, str], today: date) -> dict[str, Decimal]:
    """What is reserved on `today` and a month later still, by meter; what holds in all regions
    counts in each. One query.
    """
    price_class, region = key
    rows = CommittedRate.objects.filter(
        commitment__organisation=organisation,
        commitment__price_class=price_class,
        commitment__region__in=["", region],
        commitment__start__lte=today,
        commitment__end__gt=today + timedelta(days=reservations.LEAST_DAYS),
    )
    return dict(rows.values_list("meter").annotate(Sum("quantity")))


def _pieces(
    piece: Reservation, used: Used, held: Mapping[str, Decimal], first: date, end: date
) -> list[Decimal]:
    """How many pieces of the plan each day of [`first`, `end`) would have filled."""
    return [
        min(
            max(
                used.get(rate.meter, {}).get(day, _NOTHING) - held.get(rate.meter, _NOTHING),
                _NOTHING,
            )
            / rate.quantity
            for rate in piece.rates
        )
        for day in (first + timedelta(days=n) for n in range((end - first).days))
    ]


def _planned(use: list[Decimal], offers: Mapping[str, Reservation], *, seed: int) -> Planned | None:
    price = _hourly(next(iter(offers.values())), "on_demand")
    rates = {term: _hourly(offer, "unit_price") for term, offer in offers.items()}
    return reservations.plan(use, price, rates, per_day=1, seed=seed)


def _hourly(offer: Reservation, field: str) -> Decimal:
    return sum((rate.quantity * getattr(rate, field) for rate in offer.rates), _NOTHING)


def _finding(
    key: tuple[str, str],
    of: tuple[str, str],
    use: list[Decimal],
    offers: Mapping[str, Reservation],
    found: Planned,
) -> Finding:
    offering, plan = of
    price, days = _hourly(next(iter(offers.values())), "on_demand"), found.times
    least = max(size for size in _CONFIDENCE if size <= days)
    return Finding(
        kind=Recommendation.Kind.RESERVE,
        subject="/".join(key),
        current={"monthly": f"{rounded(price * sum(use) / days * HOURS_PER_MONTH):f}"},
        proposed={
            "offering": offering,
            "plan": plan,
            "region": key[1],
            "layers": [{"term": la.term, "pieces": int(la.amount)} for la in found.layers],
        },
        saving_month=rounded(found.saving),
        currency=offers[found.layers[0].term].currency,
        confidence=_CONFIDENCE[least],
        evidence=_evidence(use, offers, found, price),
    )


def _evidence(
    use: list[Decimal], offers: Mapping[str, Reservation], found: Planned, price: Decimal
) -> dict[str, Any]:
    ordered = sorted(use[-found.times :])
    money = {
        name: f"{rounded(getattr(found, name)):f}"
        for name in ("saving_least", "saving_most", "saving_if_less", "regret_if_less")
    }
    return {
        "rule": reservations.RULE,
        "version": reservations.VERSION,
        "days": found.times,
        "use": {
            "least": _text(ordered[0]),
            "median": _text(ordered[len(ordered) // 2]),
            "most": _text(ordered[-1]),
        },
        "hourly": f"{price:f}",
        "hourly_reserved": {
            term: f"{_hourly(offer, 'unit_price'):f}" for term, offer in offers.items()
        },
        "covered_percent": _text(found.covered_percent),
        "used_percent": _text(found.used_percent),
        **money,
        "prices": sorted({rate.price.public_id for o in offers.values() for rate in o.rates}),
    }


def _text(value: Decimal) -> str:
    return f"{round(value, 1):f}"


def was_bought(row: Recommendation) -> bool:
    """Whether capacity of its class was reserved there since it was found."""
    price_class, _, region = row.subject.rpartition("/")
    return Commitment.objects.filter(
        organisation=row.organisation_id,
        price_class=price_class,
        region__in=["", region],
        created_at__gte=row.found_at,
    ).exists()
