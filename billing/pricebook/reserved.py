"""Terms for which capacity can be reserved, and what an hour of it costs then. Pure.

The terms are data (`billing/prices/reserved.toml`). From them and the list follow the rows of the
books `reserved-1y` and `reserved-3y`: one flat price for whatever runs by the hour at a standard
price, at the list price of its first tier less the discount.

A term counts no more than 730 hours of a calendar month, as an instance does, so that what always
runs is reserved in full.

Source: shared design, billing 1.2 and 2 (rules).
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import ROUND_DOWN, Decimal
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from billing.einvoice.document import rounded
from billing.pricebook.meters import METERS

if TYPE_CHECKING:
    from billing.pricebook.files import PriceRow

FOLDER = Path(__file__).parent.parent / "prices"
CATEGORY = "committed"
_HUNDRED = Decimal(100)
_CENT = Decimal("0.01")
_DAY_SECONDS = 86_400
_MONTH_SECONDS = 730 * 3600


@dataclass(frozen=True, slots=True)
class Term:
    """`months` calendar months at `discount_percent` less than list."""

    id: str
    months: int
    discount_percent: Decimal

    @property
    def book(self) -> str:
        return f"reserved-{self.id}"

    @property
    def share(self) -> Decimal:
        """What is paid of the list price; used less than this, a reservation costs more than it
        saves.
        """
        return 1 - self.discount_percent / _HUNDRED

    @property
    def break_even_percent(self) -> Decimal:
        return _HUNDRED - self.discount_percent


def terms_in(documents: Iterable[Mapping[str, Any]]) -> list[Term]:
    """The terms that files name. Raises: KeyError for a part that is missing."""
    return [
        Term(entry["id"], entry["months"], Decimal(entry["discount_percent"]))
        for document in documents
        for entry in document.get("term", ())
    ]


@cache
def terms() -> Mapping[str, Term]:
    """Those on offer, by id, shortest first."""
    found = terms_in([tomllib.loads((FOLDER / "reserved.toml").read_text())])
    return {term.id: term for term in sorted(found, key=lambda term: term.months)}


def is_reservable(row: PriceRow) -> bool:
    """Whether it is priced by the hour of something that runs, at a price that may be lowered."""
    running = row.unit == "hour" and not METERS[row.meter].is_stored
    plain = row.category == "standard" and row.free_for not in ("dev-vm", "own-storage")
    costs = bool(row.tiers) and row.tiers[0].unit_price > 0
    return running and plain and row.discountable and costs


def reserved_rows(listed: Iterable[PriceRow], offered: Iterable[Term]) -> Iterator[PriceRow]:
    """The committed price of each listed one that can be reserved, for each term."""
    rows = [row for row in listed if row.book == "list" and is_reservable(row)]
    for term in offered:
        for row in rows:
            amount = row.tiers[0].unit_price * term.share
            yield replace(
                row,
                book=term.book,
                category=CATEGORY,
                mode="flat",
                tiers=(replace(row.tiers[0], end=None, unit_price=amount, flat=Decimal(0)),),
                free_quantity=Decimal(0),
                free_for="",
            )


def end_of(start: date, months: int) -> date:
    """The same day, `months` later; the last of its month where there is no such day."""
    count = start.year * 12 + start.month - 1 + months
    year, month = count // 12, count % 12 + 1
    following = date(year + month // 12, month % 12 + 1, 1)
    return min(following - timedelta(days=1), date(year, month, 1) + timedelta(days=start.day - 1))


def counted_seconds(start: date, end: date) -> int:
    """The seconds of [`start`, `end`) that a term counts: 730 hours of a month at most."""
    days = ((start + timedelta(days=n)).day for n in range((end - start).days))
    return sum(counted_on(day) for day in days)


def counted_on(day_of_month: int) -> int:
    """Of one day: none of the hours of a long month after its 730th."""
    left = _MONTH_SECONDS - (day_of_month - 1) * _DAY_SECONDS
    return max(0, min(left, _DAY_SECONDS))


def payments(
    start: date, months: int, total: Decimal, upfront_percent: int
) -> tuple[tuple[date, Decimal], ...]:
    """What is paid when: whole cents that add up to `total`; a payment of nothing is left out."""
    upfront = rounded(total * upfront_percent / 100)
    part = ((total - upfront) / months).quantize(_CENT, ROUND_DOWN)
    amounts = [part] * months
    amounts[0] += upfront
    amounts[-1] += total - sum(amounts)
    found = ((end_of(start, n) if n else start, amount) for n, amount in enumerate(amounts))
    return tuple((day, amount) for day, amount in found if amount)
