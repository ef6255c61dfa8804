"""Reserving capacity: what it costs and would have saved, buying it, renewing it.

A purchase is for whole days and cannot be taken back. Its price is the reserved price of the book
when it is bought, for every hour that the term counts; it is charged by
`billing.commitments.upkeep` as its payments fall due.

Source: shared design, billing 1.4, 1.9 and 2 (rules).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

from django.db import transaction
from django.utils.translation import gettext as _

from billing.commitments import upkeep
from billing.einvoice.document import rounded
from billing.identity.queries import identity_of
from billing.models import Commitment, CommittedRate, CostLine, Price
from billing.pricebook import reserved
from billing.pricebook.meters import METERS
from billing.pricebook.pricing import held_by
from billing.pricebook.queries import prices_of
from billing.pricebook.reserved import Term, counted_seconds, end_of, payments
from portal.audit.actions import record
from portal.kernel import clock, ids
from portal.kernel.actor import Actor
from portal.kernel.errors import Conflict, Invalid
from portal.kernel.money import SECONDS_PER_HOUR
from portal.tenancy import access
from portal.tenancy.models import Organisation
from portal.tenancy.permissions import Permission
from services import registry
from services.regions import queries as regions

UPFRONT_PERCENTS = (0, 50, 100)
LOOK_BACK_DAYS = 30
_MOST = Decimal(100_000)
_LATEST_START_DAYS = 365
_NOTHING = Decimal(0)
_PLACES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be reserved: `pieces` of a plan of an offering, or `quantities` by meter of a
    price class. `region` empty = all; `start` None = today.
    """

    term: str = ""
    offering: str = ""
    plan: str = ""
    pieces: int = 0
    price_class: str = ""
    quantities: Mapping[str, Decimal] = field(default_factory=dict)
    region: str = ""
    upfront_percent: int = 0
    start: date | None = None


@dataclass(frozen=True, slots=True)
class Rate:
    """`quantity` of a meter at `unit_price` an hour instead of `on_demand`."""

    meter: str
    quantity: Decimal
    unit_price: Decimal
    on_demand: Decimal
    price: Price


@dataclass(frozen=True, slots=True)
class Reservation:
    """A purchase before the click. Amounts are net, in whole cents. `saved` is what it would have
    saved in the last 30 days at what was paid on demand then; negative = it would have cost more.
    """

    wanted: Wanted
    price_class: str
    term: Term
    start: date
    end: date
    rates: tuple[Rate, ...]
    total: Decimal
    on_demand_total: Decimal
    payments: tuple[tuple[date, Decimal], ...]
    saved: Decimal
    used_percent: Decimal
    currency: str = "EUR"

    @property
    def break_even_percent(self) -> Decimal:
        """Used less than this, it costs more than paying on demand."""
        return self.term.break_even_percent


def reservation_for(actor: Actor, organisation: Organisation, wanted: Wanted) -> Reservation:
    """What a purchase would mean; writes nothing. Raises: NotPermitted, Invalid."""
    access.require_in_organisation(actor, organisation, Permission.COST_VIEW)
    return _reservation(organisation, wanted)


@transaction.atomic
def purchase_commitment(
    *,
    actor: Actor,
    organisation: Organisation,
    wanted: Wanted,
    agreed_total: Decimal | None = None,
    renewed_from: Commitment | None = None,
) -> Commitment:
    """Reserves it. `agreed_total` is the price that was shown before.

    Raises: NotPermitted, Invalid; Conflict without billing details, when the price is another by
    now, or when `renewed_from` is renewed already.
    """
    access.require_in_organisation(actor, organisation, Permission.BILLING_MANAGE)
    found = _reservation(organisation, wanted)
    if identity_of(organisation) is None:
        raise Conflict(
            _("%(name)s has no billing details, so nobody can be billed.")
            % {"name": organisation.name},
            hint=_("Nothing was bought. Give billing details first, under Organisations."),
        )
    if agreed_total is not None and agreed_total != found.total:
        raise Conflict(
            _("The price is another than the one that was shown."),
            hint=_("Nothing was bought. Look at the new price and confirm it."),
        )
    made = Commitment.objects.create(
        public_id=ids.public_id("cm"),
        organisation=organisation,
        price_class=found.price_class,
        region=wanted.region,
        offering=wanted.offering,
        plan=wanted.plan,
        pieces=wanted.pieces if wanted.plan else 0,
        term=found.term.id,
        start=found.start,
        end=found.end,
        upfront_percent=wanted.upfront_percent,
        total=found.total,
        currency=found.currency,
        renewed_from=renewed_from,
        bought_by=actor.name,
    )
    CommittedRate.objects.bulk_create(
        CommittedRate(
            commitment=made,
            meter=rate.meter,
            quantity=rate.quantity,
            unit_price=rate.unit_price,
            on_demand_unit_price=rate.on_demand,
            price=rate.price,
        )
        for rate in found.rates
    )
    today = clock.now().date()
    upkeep.charge(made, today)
    upkeep.mark_due(today, [organisation.pk], at_once=True)
    _record(actor, made)
    return made


@transaction.atomic
def renew_commitment(
    *,
    actor: Actor,
    commitment: Commitment,
    term: str = "",
    upfront_percent: int | None = None,
    agreed_total: Decimal | None = None,
) -> Commitment:
    """The same capacity again, from its end on (or from today, once it has ended), at the price of
    now. What is left out stays as it was. Raises: as `purchase_commitment`.
    """
    organisation = commitment.organisation
    access.require_in_organisation(actor, organisation, Permission.BILLING_MANAGE)
    locked = Commitment.objects.select_for_update().get(pk=commitment.pk)
    if Commitment.objects.filter(renewed_from=locked).exists():
        raise Conflict(
            _("%(id)s is renewed already.") % {"id": locked.public_id},
            hint=_("Nothing has to be done."),
        )
    return purchase_commitment(
        actor=actor,
        organisation=organisation,
        wanted=renewal_of(locked, term, upfront_percent),
        agreed_total=agreed_total,
        renewed_from=locked,
    )


def can_be_renewed(commitment: Commitment) -> bool:
    """Whether its end is near enough for a renewal to begin there."""
    latest = clock.now().date() + timedelta(days=_LATEST_START_DAYS)
    return commitment.end <= latest


def renewal_of(
    commitment: Commitment, term: str = "", upfront_percent: int | None = None
) -> Wanted:
    """What a renewal would be of."""
    upfront = commitment.upfront_percent if upfront_percent is None else upfront_percent
    return Wanted(
        term=term or commitment.term,
        offering=commitment.offering,
        plan=commitment.plan,
        pieces=commitment.pieces,
        price_class=commitment.price_class,
        quantities={rate.meter: rate.quantity for rate in commitment.rates.all()},
        region=commitment.region,
        upfront_percent=upfront,
        start=max(commitment.end, clock.now().date()),
    )


def forget_person(name: str) -> None:
    """Commitments no longer say that this person bought them. Call it within a transaction."""
    Commitment.objects.filter(bought_by=name).update(bought_by="")


def _record(actor: Actor, made: Commitment) -> None:
    record(
        actor,
        "commitment.renew" if made.renewed_from_id else "commitment.purchase",
        "commitment",
        made.public_id,
        chain=made.organisation.slug,
        after={
            "price_class": made.price_class,
            "quantities": {r.meter: f"{r.quantity.normalize():f}" for r in made.rates.all()},
            "region": made.region,
            "start": made.start.isoformat(),
            "end": made.end.isoformat(),
            "total": f"{made.total:f}",
            "currency": made.currency,
        },
    )


# -- what it would be ------------------------------------------------------------------------------


def _reservation(organisation: Organisation, wanted: Wanted) -> Reservation:
    today = clock.now().date()
    start = wanted.start or today
    term = reserved.terms().get(wanted.term)
    faults = _faults(wanted, start, today)
    price_class, quantities = _what(wanted, faults)
    found = {} if term is None or faults else _rates(price_class, quantities, wanted.region, term)
    if term is not None and not faults and set(found) != set(quantities):
        missing = ", ".join(sorted(set(quantities) - set(found)))
        faults["offering" if wanted.plan else "quantities"] = _(
            "%(what)s has no reserved price."
        ) % {"what": missing or price_class}
    if faults or term is None:
        raise Invalid(faults)
    rates, end = tuple(found.values()), end_of(start, term.months)
    hours = counted_seconds(start, end) / SECONDS_PER_HOUR
    total = rounded(sum((r.quantity * r.unit_price for r in rates), _NOTHING) * hours)
    saved, used = _looking_back(organisation, price_class, wanted.region, rates, today)
    return Reservation(
        wanted,
        price_class,
        term,
        start,
        end,
        rates,
        total,
        rounded(sum((r.quantity * r.on_demand for r in rates), _NOTHING) * hours),
        payments(start, term.months, total, wanted.upfront_percent),
        saved,
        used,
        rates[0].price.currency,
    )


def _faults(wanted: Wanted, start: date, today: date) -> dict[str, str]:
    faults: dict[str, str] = {}
    if wanted.term not in reserved.terms():
        faults["term"] = _("Choose one of: %(choices)s.") % {"choices": ", ".join(reserved.terms())}
    if wanted.upfront_percent not in UPFRONT_PERCENTS:
        choices = ", ".join(str(percent) for percent in UPFRONT_PERCENTS)
        faults["upfront_percent"] = _("Choose one of: %(choices)s.") % {"choices": choices}
    if not today <= start <= today + timedelta(days=_LATEST_START_DAYS):
        faults["start"] = _("Let it begin today or within a year.")
    if wanted.region and wanted.region not in {place.code for place in regions.regions()}:
        faults["region"] = _("There is no region “%(code)s”.") % {"code": wanted.region}
    return faults


def _what(wanted: Wanted, faults: dict[str, str]) -> tuple[str, dict[str, Decimal]]:
    """Price class and quantities by meter; what is wrong goes to `faults`."""
    if not wanted.plan:
        quantities = dict(wanted.quantities)
        bad = [m for m, q in quantities.items() if m not in METERS or not _fits(q)]
        if not quantities or bad:
            faults["quantities"] = _("Say how much of each meter, more than 0 and up to 100,000.")
        return wanted.price_class, quantities
    entry = registry.entries().get(wanted.offering)
    if entry is None:
        faults["offering"] = _("There is no such service.")
        return "", {}
    plan = next((p for p in entry.offering.plans if p.id == wanted.plan and not p.retired), None)
    if plan is None:
        faults["plan"] = _("There is no such plan.")
    if not 1 <= wanted.pieces <= _MOST:
        faults["pieces"] = _("Write a number from 1 to 100,000.")
    if plan is None or faults:
        return entry.offering.price_class, {}
    held = held_by(entry.offering, plan)
    return entry.offering.price_class, {
        meter: amount * wanted.pieces
        for meter, amount in held.items()
        if amount and not METERS[meter].is_stored
    }


def _fits(quantity: Decimal) -> bool:
    """Whether it is a quantity, in thousandths at most."""
    return 0 < quantity <= _MOST and round(quantity, _PLACES) == quantity


def _rates(
    price_class: str, quantities: Mapping[str, Decimal], region: str, term: Term
) -> dict[str, Rate]:
    """By meter, what the book has of them. For all regions, the price for everywhere."""
    listed = prices_of(price_class, region)
    rows = Price.objects.filter(
        book=term.book,
        price_class=price_class,
        meter__in=quantities,
        region__in={"", region},
        valid_from__lte=clock.now(),
    ).order_by("region", "valid_from")
    held = {row.meter: row for row in rows if row.holds(clock.now())}
    return {
        meter: Rate(
            meter,
            quantities[meter],
            Decimal(row.tiers[0]["unit_price"]),
            Decimal(listed[meter].tiers[0]["unit_price"]),
            row,
        )
        for meter, row in held.items()
        if meter in listed
    }


def _looking_back(
    organisation: Organisation,
    price_class: str,
    region: str,
    rates: tuple[Rate, ...],
    today: date,
) -> tuple[Decimal, Decimal]:
    """What it would have saved in the last 30 days that are over, and how much of it would have
    been used, in percent.
    """
    first = today - timedelta(days=LOOK_BACK_DAYS)
    rows = CostLine.objects.filter(
        organisation=organisation,
        day__gte=first,
        day__lt=today,
        category=CostLine.Category.USAGE,
        price_class=price_class,
        commitment=None,
        tier__gt=0,
        is_correction=False,
    ).values_list("day", "meter", "quantity", "billed_cost")
    if region:
        rows = rows.filter(region=region)
    paid: dict[tuple[date, str], list[Decimal]] = {}
    for day, meter, quantity, cost in rows:
        sums = paid.setdefault((day, meter), [_NOTHING, _NOTHING])
        sums[0] += quantity
        sums[1] += cost
    seconds = counted_seconds(first, today)
    whole = sum((rate.quantity * rate.unit_price for rate in rates), _NOTHING) * seconds
    avoided = used = _NOTHING
    for rate in rates:
        for (_day, meter), (quantity, cost) in paid.items():
            if meter == rate.meter and quantity:
                share = min(rate.quantity * 86_400, quantity) / quantity
                avoided += cost * share
                used += quantity * share * rate.unit_price
    percent = min(used / whole * 100, Decimal(100)) if whole else _NOTHING
    return rounded(avoided - whole / SECONDS_PER_HOUR), round(percent, 1)
