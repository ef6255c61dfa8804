"""Changes of prices are announced: what rises begins 60 days after it was loaded, at the earliest.
Pure; `billing.pricebook.loading` refuses what comes sooner.

Source: shared design, billing 2 (price rises announced 60 days ahead).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from billing.pricebook.files import PriceRow, plain
from billing.pricebook.meters import base_units
from billing.pricebook.tiers import bounds, charge

NOTICE = timedelta(days=60)
_MONTH_SECONDS = 30 * 86400
_BEYOND = Decimal(10)
_A_LITTLE = Decimal("0.000001")
_NOTHING = Decimal(0)

# What a price says: unit, mode, free_quantity, free_for and tiers (as `billing.models.Price`).
Terms = Mapping[str, Any]


def terms_of(price: Any) -> Terms:
    """Of a row of `billing.models.Price`."""
    names = ("unit", "mode", "free_quantity", "free_for", "tiers")
    return {name: getattr(price, name) for name in names}


def row_before(row: PriceRow, rows: Iterable[PriceRow]) -> PriceRow | None:
    """What holds for the same when `row` begins: a price of its region before one of everywhere.
    None for a meter that had no price, and for what is reserved or dynamic.
    """
    if row.category != "standard":
        return None
    last = row.valid_from - timedelta(microseconds=1)
    held = [
        one
        for one in rows
        if (one.book, one.price_class, one.meter) == (row.book, row.price_class, row.meter)
        and one.category == "standard"
        and one.region in ("", row.region)
        and one.holds(last)
    ]
    return max(held, key=lambda one: one.region != "", default=None)


def is_rise(before: Terms, after: Terms) -> bool:
    """Whether any quantity of a month costs more than it did, or less of it is free."""
    if before["free_for"] and after["free_for"] != before["free_for"]:
        return True
    if before["free_for"] and after["free_quantity"] < before["free_quantity"]:
        return True
    return any(
        _cost(after, quantity) > _cost(before, quantity) for quantity in _points(before, after)
    )


def _points(*terms: Terms) -> set[Decimal]:
    """Quantities in base units at which costs may begin to differ; between them costs are straight
    lines, and beyond the last one, too.
    """
    found = {Decimal(1)}
    for one in terms:
        size = _size(one)
        ends = [bounds(tier)[1] for tier in one["tiers"]]
        units = [end for end in ends if end is not None] + [one["free_quantity"], Decimal(1)]
        found |= {unit * size for unit in units} | {(unit + _A_LITTLE) * size for unit in units}
    top = max(found)
    return {*found, top * _BEYOND, top * _BEYOND**4}


def _cost(terms: Terms, quantity: Decimal) -> Decimal:
    free = _NOTHING if terms["free_for"] else terms["free_quantity"]
    return charge(terms["tiers"], terms["mode"], free, quantity / _size(terms))


def _size(terms: Terms) -> Decimal:
    return base_units(terms["unit"], _MONTH_SECONDS)


def fault_of_notice(row: PriceRow, now: datetime) -> str:
    """What to say of a rise that would begin too soon; empty when it would not."""
    earliest = now + NOTICE
    if row.valid_from >= earliest:
        return ""
    amounts = ", ".join(plain(tier.unit_price) for tier in row.tiers)
    return (
        f"{row.name}: a rise to {amounts} on {row.valid_from:%F} is not announced in time. Let it "
        f"begin on {earliest + timedelta(days=1):%F} or later: {NOTICE.days} days' notice."
    )
