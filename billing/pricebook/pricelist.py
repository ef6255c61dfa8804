"""The public price list, as people read it: plans of offerings, rates of classes, what will change.

All from the price book of `billing.pricebook.queries`, which quotes and invoices read too.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from billing.identity.queries import rate_for
from billing.pricebook import announcing, pricing, queries, texts, tiers
from billing.pricebook.classes import GROUPS, class_label, group_of
from billing.pricebook.meters import METERS
from billing.pricebook.pricing import Quote
from billing.vat.decisions import VatRate
from portal.kernel import clock
from portal.kernel.errors import Unavailable
from portal.kernel.money import HOURS_PER_MONTH, Money
from services import registry
from services.spec import Entry, Plan

if TYPE_CHECKING:
    from billing.models import Price
    from portal.tenancy.models import Organisation


@dataclass(frozen=True, slots=True)
class PlanPrice:
    """What a plan costs where it was asked for."""

    plan: Plan
    quote: Quote


@dataclass(frozen=True, slots=True)
class RateLine:
    """The price of one meter of a class. `month` is what one unit costs that is held for a whole
    month, for what is priced by the hour.
    """

    price: Price
    label: str
    unit: str
    steps: list[str]
    free: str
    month: Money | None

    @property
    def until(self) -> datetime | None:
        return self.price.valid_to


@dataclass(frozen=True, slots=True)
class Change:
    """A change of a price: `before` is empty for one that is new, `after` for one that ends. For
    what is new or ends `is_rise` is False.
    """

    label: str
    meter: str
    at: datetime
    before: list[str]
    after: list[str]
    price_class: str
    region: str
    is_rise: bool
    announced_at: datetime | None


@dataclass(frozen=True, slots=True)
class PlanChange:
    """What a plan costs an hour until `at`, and from then on."""

    at: datetime
    before: Money
    after: Money


def plans_of(entry: Entry, region: str = "", rate: VatRate | None = None) -> list[PlanPrice]:
    """The plans that can be ordered, with a price, in the order of the offering; with a visitor's
    VAT unless `rate` says another.
    """
    quotes = queries.quotes_of(entry.offering, region, rate)
    plans = [plan for plan in entry.offering.plans if not plan.retired and plan.id in quotes]
    return [PlanPrice(plan, quotes[plan.id]) for plan in plans]


def rates_of(price_class: str, region: str = "") -> list[RateLine]:
    """All meters of a class, in the order of `billing.pricebook.meters`."""
    held = queries.prices_of(price_class, region)
    return [_line(held[meter]) for meter in sorted(held, key=_place)]


def named_rates_of(price_class: str, region: str = "") -> list[tuple[str, RateLine]]:
    """The same with the name of the class, and of the meter where there is more than one."""
    lines = rates_of(price_class, region)
    name = class_label(price_class)
    return [(name if len(lines) == 1 else f"{name} · {line.label}", line) for line in lines]


def classes() -> dict[str, list[str]]:
    """All that has a price now, by group, in the order of `billing.pricebook.classes`."""
    found: dict[str, list[str]] = {group: [] for group in GROUPS}
    for price_class in queries.price_classes():
        found.setdefault(group_of(price_class), []).append(price_class)
    return {group: names for group, names in found.items() if names}


def other_classes() -> dict[str, list[str]]:
    """Those that no offering of the catalogue is priced by."""
    used = {entry.offering.price_class for entry in registry.entries().values()}
    left = {g: [one for one in names if one not in used] for g, names in classes().items()}
    return {group: names for group, names in left.items() if names}


def changes() -> list[Change]:
    """What was announced and has not begun, soonest first."""
    now = clock.now()
    rows = queries.book()
    ending = [row for row in rows if row.holds(now)]
    coming = [row for row in rows if row.valid_from > now]
    begins = {(_key(row), row.valid_from): row for row in coming}
    found = []
    for old in ending:
        if old.valid_to is not None:
            new = begins.pop((_key(old), old.valid_to), None)
            found.append(_change(old, old.valid_to, before=old, after=new))
    found += [_change(row, row.valid_from, before=None, after=row) for row in begins.values()]
    return sorted(found, key=lambda change: (change.at, change.label, change.meter))


def past_changes() -> list[Change]:
    """What changed so far, the latest first; what was there from the beginning is no change."""
    now = clock.now()
    rows = queries.book()
    ended = {(_key(row), row.valid_to): row for row in rows if row.valid_to is not None}
    begun = {(_key(row), row.valid_from): row for row in rows if row.valid_from <= now}
    found = [
        _change(row, at, before=row, after=begun.get((key, at)))
        for (key, at), row in ended.items()
        if at is not None and at <= now
    ]
    return sorted(found, key=lambda change: (change.at, change.label, change.meter), reverse=True)


def plan_changes(entry: Entry, plan: Plan, region: str) -> list[PlanChange]:
    """The announced days on which a plan begins to cost another amount there, soonest first."""
    used = {entry.offering.price_class}
    days = sorted({one.at for one in changes() if one.price_class in used})
    found, last = [], _hourly(entry, plan, region, clock.now())
    for at in days:
        after = _hourly(entry, plan, region, at)
        if last is not None and after is not None and after != last:
            found.append(PlanChange(at, last, after))
        last = after
    return found


def versions(price_class: str) -> list[RateLine]:
    """All that a class ever cost and will cost, meter by meter, the newest first."""
    rows = [row for row in queries.book() if row.price_class == price_class]
    newest = sorted(rows, key=lambda row: row.valid_from, reverse=True)
    ordered = sorted(newest, key=lambda row: (_place(row.meter), row.region, row.category))
    return [_line(row) for row in ordered]


def all_classes() -> list[tuple[str, str]]:
    """Every class that has or had a price, with its name, in the order of names."""
    found = {row.price_class for row in queries.book()}
    return sorted(((one, class_label(one)) for one in found), key=lambda pair: pair[1].lower())


def _hourly(entry: Entry, plan: Plan, region: str, at: datetime) -> Money | None:
    try:
        return queries.quote_for(entry.offering, plan, region, at=at).hourly
    except Unavailable:
        return None


def valid_from() -> datetime | None:
    """Since when all that holds now has held: the youngest of its starts."""
    now = clock.now()
    return max((row.valid_from for row in queries.book() if row.holds(now)), default=None)


def vat(organisation: Organisation | None = None) -> VatRate:
    """The rate that its people are shown, or a visitor."""
    return rate_for(organisation)


def amount_of(price: Price, quantity: Decimal) -> Money:
    """What `quantity` units of a month cost, with the allowance that each organisation has."""
    free = price.free_quantity if not price.free_for else Decimal(0)
    amount = tiers.charge(price.tiers, price.mode, free, quantity)
    return Money(amount, price.currency)


def with_vat(net: Money, rate: VatRate) -> pricing.Month:
    """`net` in whole cents, VAT on it, and their sum."""
    return pricing.month_of(net, rate)


def _line(price: Price) -> RateLine:
    monthly = None
    if price.unit == "hour" and len(price.tiers) == 1:
        amount = Decimal(price.tiers[0]["unit_price"]) * HOURS_PER_MONTH
        monthly = Money(amount, price.currency)
    return RateLine(
        price=price,
        label=texts.meter_label(price.meter),
        unit=texts.unit_label(price.unit),
        steps=texts.steps(price),
        free=texts.allowance(price),
        month=monthly,
    )


def _change(row: Price, at: datetime, *, before: Price | None, after: Price | None) -> Change:
    return Change(
        label=class_label(row.price_class),
        meter=texts.meter_label(row.meter),
        at=at,
        before=texts.steps(before) if before else [],
        after=texts.steps(after) if after else [],
        price_class=row.price_class,
        region=row.region,
        is_rise=bool(before and after)
        and announcing.is_rise(announcing.terms_of(before), announcing.terms_of(after)),
        announced_at=after.announced_at if after else None,
    )


def _key(row: Price) -> tuple[str, str, str, str]:
    return row.price_class, row.meter, row.region, row.category


def _place(meter: str) -> int:
    order = list(METERS)
    return order.index(meter) if meter in METERS else len(order)
