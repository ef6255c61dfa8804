"""Reads of prices and orders."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from billing.identity.queries import rate_for
from billing.models import Price
from billing.pricebook import pricing
from billing.pricebook.pricing import Quote, Rate
from billing.pricebook.reserved import terms
from billing.spot import books, history
from billing.vat.decisions import VatRate
from portal.kernel import clock
from portal.kernel.errors import Unavailable
from portal.kernel.money import Money
from services import registry
from services.spec import Offering, Plan

if TYPE_CHECKING:
    from portal.tenancy.models import Organisation

_FRESH_NANOSECONDS = 30 * 10**9
_STANDARD = Price.Category.STANDARD.value


@dataclass
class _Book:
    """The price rows of this process, read again every half minute: prices change a few times a
    year and are announced, so what is read holds the next ones already.
    """

    rows: list[Price] = field(default_factory=list)
    read_at: int = 0

    def current(self) -> list[Price]:
        if not self.rows or time.monotonic_ns() - self.read_at > _FRESH_NANOSECONDS:
            self.rows = list(Price.objects.filter(book="list"))
            self.read_at = time.monotonic_ns()
        return self.rows

    def forget(self) -> None:
        self.rows = []


_book = _Book()
forget_prices = _book.forget


def book() -> list[Price]:
    """All rows of the public list: past, present and announced. No query, or one."""
    return _book.current()


def price_classes() -> list[str]:
    """What has a price now, in the order of its name."""
    now = clock.now()
    return sorted({row.price_class for row in book() if row.holds(now)})


def prices_of(price_class: str, region: str, at: datetime | None = None) -> dict[str, Price]:
    """What holds at `at` (now), by meter: a price of the region wins over one for everywhere, the
    standard price over a dynamic one.
    """
    moment = at or clock.now()
    holding = [
        row
        for row in book()
        if row.price_class == price_class
        and row.region in ("", region)
        and row.category != Price.Category.COMMITTED
        and row.holds(moment)
    ]
    holding.sort(key=lambda row: (row.category == _STANDARD, row.region != ""))
    return {row.meter: row for row in holding}


def rates_for(
    price_class: str,
    region: str,
    at: datetime | None = None,
    factor: Decimal | None = None,
) -> dict[str, Rate]:
    """The same as what one unit costs at first; of what runs `factor` of it, if there is one."""
    found = prices_of(price_class, region, at)
    return {meter: _rate(row, factor) for meter, row in found.items()}


def _rate(row: Price, factor: Decimal | None) -> Rate:
    amount, public_id = Decimal(row.tiers[0]["unit_price"]), row.public_id
    if factor is not None and books.has_spot_price(row):
        amount, public_id = books.unit_price(row, factor), books.public_id(row, factor)
    return Rate(row.meter, amount, public_id, row.currency, row.unit)


def quote_for(
    offering: Offering,
    plan: Plan,
    region: str,
    organisation: Organisation | None = None,
    at: datetime | None = None,
    *,
    spot: bool = False,
) -> Quote:
    """At list price, or as it is on spare capacity then. Raises: Unavailable when the plan has no
    price (the price files were not loaded).
    """
    moment = at or clock.now()
    return _quote(offering, plan, region, rate_for(organisation), moment, spot=spot)


def _quote(
    offering: Offering, plan: Plan, region: str, vat: VatRate, at: datetime, *, spot: bool = False
) -> Quote:
    factor = history.factor_at(region, offering.price_class, at) if spot else None
    rates = rates_for(offering.price_class, region, at, factor)
    try:
        found = pricing.quote_plan(offering, plan, rates, vat=vat, at=at)
        return replace(found, spot_factor=factor) if spot else found
    except KeyError as error:
        raise Unavailable(
            _("%(offering)s has no price yet, so it cannot be ordered.")
            % {"offering": offering.name},
            hint=_("Staff must load the price files (manage.py load_prices)."),
            code="no-price",
        ) from error


def quotes_of(
    offering: Offering, region: str, vat: VatRate | None = None, *, spot: bool = False
) -> dict[str, Quote]:
    """A quote for each plan of an offering, by plan id; plans without a price are left out, and
    with `spot` those that do not run on spare capacity. With the VAT of a visitor, unless `vat`
    says another.
    """
    found: dict[str, Quote] = {}
    now, rate = clock.now(), vat or rate_for(None)
    for plan in offering.plans:
        if spot and not offering.may_be_spot(plan):
            continue
        try:
            found[plan.id] = _quote(offering, plan, region, rate, now, spot=spot)
        except Unavailable:
            continue
    return found


def storage_of(offering: Offering, plan: Plan, region: str) -> Money | None:
    """What the storage of a plan costs a month, net: all that is billed in the bin. None without a
    price.
    """
    try:
        lines = quote_for(offering, plan, region).lines
    except Unavailable:
        return None
    return next((line.monthly for line in lines if line.meter == "storage_gib"), None)


def cheapest(slugs: Iterable[str], region: str = "") -> dict[str, Quote]:
    """The cheapest plan of each offering, by slug."""
    found: dict[str, Quote] = {}
    for slug in slugs:
        quotes = quotes_of(registry.get(slug).offering, region).values()
        if quotes:
            found[slug] = min(quotes, key=lambda q: q.hourly.amount)
    return found


def prices(
    *,
    offering: str | None = None,
    region: str | None = None,
    at: datetime | None = None,
    term: str | None = None,
) -> QuerySet[Price]:
    """The public price list, or that of capacity reserved for a `term`
    (`billing.pricebook.reserved.terms`): what holds at `at`, or without it what holds now or begins
    later.
    """
    book = terms()[term].book if term else "list"
    moment = at or clock.now()
    rows = Price.objects.filter(Q(valid_to__isnull=True) | Q(valid_to__gt=moment), book=book)
    if at is not None:
        rows = rows.filter(valid_from__lte=at)
    if offering is not None:
        entry = registry.entries().get(offering)
        rows = rows.filter(price_class=entry.offering.price_class if entry else "")
    if region is not None:
        rows = rows.filter(region__in=["", region])
    return rows.order_by("price_class", "meter", "region", "valid_from")
