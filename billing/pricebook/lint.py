"""The rules that a price book must keep before it may be published. Pure.

Source: shared design, billing: prices per second are exact, storage is listed by the GiB-hour,
nothing is priced twice.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from itertools import pairwise

from billing.pricebook.files import CATEGORIES, MODES, PriceRow, plain
from billing.pricebook.meters import FREE_FOR, METERS, UNITS
from billing.spot import factors as spot
from portal.kernel.money import SECONDS_PER_HOUR

_PLACES = 9
# List price, volume discounts of 5 and 10 %, reservations of 25 and 40 %.
_FACTORS = tuple(Decimal(f) for f in ("1", "0.95", "0.90", "0.75", "0.60"))


def lint(rows: Iterable[PriceRow]) -> list[str]:
    """The faults of a price book; empty when it may be published."""
    faults: list[str] = []
    by_key: dict[tuple[str, ...], list[PriceRow]] = {}
    currencies: dict[str, set[str]] = {}
    for row in rows:
        by_key.setdefault(row.key, []).append(row)
        currencies.setdefault(row.book, set()).add(row.currency)
        faults += [f"{row.name}: {fault}" for fault in (*_form(row), *_tiers(row), *_exact(row))]
    faults += [f"book {b}: more than one currency" for b, c in currencies.items() if len(c) > 1]
    for same in by_key.values():
        same.sort(key=lambda r: r.valid_from)
        faults += [
            f"{later.name}: two prices hold on {later.valid_from:%F}"
            for earlier, later in pairwise(same)
            if earlier.valid_to is None or earlier.valid_to > later.valid_from
        ]
    return faults


def _form(row: PriceRow) -> Iterable[str]:
    if row.unit not in UNITS:
        yield f"unknown unit {row.unit}"
    if row.mode not in MODES:
        yield f"unknown mode {row.mode}"
    if row.category not in CATEGORIES:
        yield f"unknown category {row.category}"
    if row.free_for not in FREE_FOR:
        yield f"unknown free_for {row.free_for}"
    if row.free_quantity < 0:
        yield "the free quantity is negative"
    if row.valid_to is not None and row.valid_to <= row.valid_from:
        yield f"ends on {row.valid_to:%F}, before it begins"
    if METERS[row.meter].is_stored and row.unit != "hour":
        yield "list storage by the GiB-hour; a month is 730 of them"


def _tiers(row: PriceRow) -> Iterable[str]:
    if not row.tiers:
        yield "it has no tier"
        return
    if row.mode == "flat" and len(row.tiers) > 1:
        yield "a flat price has one tier"
    if row.tiers[0].start != 0:
        yield "the first tier begins at 0"
    if row.tiers[-1].end is not None:
        yield "the last tier has no end"
    for tier, following in pairwise(row.tiers):
        if tier.end != following.start:
            yield f"tiers leave a gap or overlap at {tier.end}"
    for tier in row.tiers:
        if tier.end is not None and tier.end <= tier.start:
            yield f"a tier ends at {tier.end}, before it begins"
        if tier.unit_price < 0 or tier.flat < 0:
            yield "a price is negative"
        if not _whole(tier.unit_price):
            yield f"{plain(tier.unit_price)} has more than {_PLACES} decimals"


def _exact(row: PriceRow) -> Iterable[str]:
    """Time is metered by the second, so an hour's price must be a whole number of 10⁻⁹ a second.

    A dynamic price is a discount already: no other comes on top. Spare capacity costs whole
    hundredths of the price of the first tier.
    """
    if row.unit != "hour" or METERS[row.meter].is_stored:
        return
    discounted = row.discountable and row.category == "standard"
    factors = _FACTORS if discounted else _FACTORS[:1]
    spare = discounted and row.meter in spot.METERS
    if spare and not _whole(row.tiers[0].unit_price * spot.STEP, parts=SECONDS_PER_HOUR):
        yield f"a hundredth of {plain(row.tiers[0].unit_price)} is no exact price per second"
    for tier in row.tiers:
        for factor in factors:
            if not _whole(tier.unit_price * factor, parts=SECONDS_PER_HOUR):
                yield f"{plain(tier.unit_price)} × {factor} is no exact price per second"


def _whole(amount: Decimal, parts: Decimal = Decimal(1)) -> bool:
    return amount.scaleb(_PLACES) % parts == 0
