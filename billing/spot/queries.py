"""The prices of spare capacity as people and programs read them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import Q, QuerySet

from billing.models import Price, SpotFactor
from billing.pricebook import queries
from billing.pricebook.pricing import Quote
from billing.spot import books, history
from billing.vat.decisions import VatRate
from portal.kernel import clock
from services import registry
from services.spec import Entry, Plan

_HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True)
class PlanPrices:
    """What a plan costs at list price, and on spare capacity in this hour."""

    entry: Entry
    plan: Plan
    listed: Quote
    spot: Quote

    @property
    def percent(self) -> Decimal:
        """Of the list price of what runs."""
        return (self.spot.spot_factor or Decimal(1)) * _HUNDRED


def prices(
    *, offering: str | None = None, region: str | None = None, at: datetime | None = None
) -> QuerySet[Price]:
    """What spare capacity costs at `at` (now), in one region or where nothing else is said."""
    moment = at or clock.now()
    rows = Price.objects.filter(
        Q(valid_to__isnull=True) | Q(valid_to__gt=moment),
        category=books.CATEGORY,
        book__startswith="spot-",
        valid_from__lte=moment,
    )
    if offering is not None:
        entry = registry.entries().get(offering)
        rows = rows.filter(price_class=entry.offering.price_class if entry else "")
    if region is not None:
        rows = rows.filter(region__in=["", region])
    chosen = Q(pk__in=[])
    for price_class in rows.order_by().values_list("price_class", flat=True).distinct():
        book = books.book_of(history.factor_at(region or "", price_class, moment))
        chosen |= Q(price_class=price_class, book=book)
    return rows.filter(chosen)


def plans_of(entry: Entry, region: str = "", vat: VatRate | None = None) -> list[PlanPrices]:
    """Those that may run on spare capacity, in the order of the offering."""
    listed = queries.quotes_of(entry.offering, region, vat)
    found = queries.quotes_of(entry.offering, region, vat, spot=True)
    return [
        PlanPrices(entry, plan, listed[plan.id], found[plan.id])
        for plan in entry.offering.plans
        if plan.id in found and not plan.retired
    ]


def all_plans(region: str = "", vat: VatRate | None = None) -> list[PlanPrices]:
    """The same of all offerings, in the order of the catalogue."""
    entries = registry.entries().values()
    return [row for entry in entries for row in plans_of(entry, region, vat)]


def said(*, region: str | None = None, price_class: str | None = None) -> QuerySet[SpotFactor]:
    """All factors that were ever said, newest first."""
    return history.factors(region=region, price_class=price_class)
