"""The prices that follow from a factor: one book for each, as for what is reserved. Pure.

`spot-0.35` has a price for every standard one by the hour of what runs: that of its first tier
times the factor, flat, nothing of it free. Tiers and allowances do not come on top: spare capacity
is a discount already.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

from billing.spot.factors import METERS, STEP
from portal.kernel.money import SECONDS_PER_HOUR

if TYPE_CHECKING:
    from billing.models import Price

CATEGORY = "dynamic"
_STEM = "spot-"
_PLACES = 9


def book_of(factor: Decimal) -> str:
    return f"{_STEM}{factor:.2f}"


def factor_of(book: str) -> Decimal | None:
    """None for a book that is not of spare capacity."""
    return Decimal(book.removeprefix(_STEM)) if book.startswith(_STEM) else None


def has_spot_price(listed: Price) -> bool:
    """Whether spare capacity of it costs less: a second of it must stay exact."""
    return (
        listed.book == "list"
        and listed.category == "standard"
        and listed.unit == "hour"
        and listed.meter in METERS
        and unit_price(listed, STEP).scaleb(_PLACES) % SECONDS_PER_HOUR == 0
    )


def unit_price(listed: Price, factor: Decimal) -> Decimal:
    """Exact: what may be discounted at all is listed so (`billing.pricebook.lint`)."""
    return Decimal(listed.tiers[0]["unit_price"]) * factor


def public_id(listed: Price, factor: Decimal) -> str:
    """The same in every installation, as of any price."""
    key = (book_of(factor), listed.price_class, listed.meter, listed.region, CATEGORY)
    text = "|".join((*key, listed.valid_from.isoformat()))
    return f"pr-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def rows(listed: Iterable[Price], factors: Iterable[Decimal]) -> Iterator[tuple[Price, Decimal]]:
    """Each price of the list that has one, with each factor."""
    spot = [row for row in listed if has_spot_price(row)]
    return ((row, factor) for factor in factors for row in spot)
