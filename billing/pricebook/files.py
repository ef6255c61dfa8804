"""Prices as code: TOML files in `billing/prices/` → price rows.

A file names its `book`, `currency` and `valid_from`; each `[[price]]` names a class (or several
that cost the same) and its meters. A meter is an amount, or a table of `price`, `unit`, `free`,
`free_for`, `mode` and `tiers`. A price that changes gets `valid_to`, and a new entry `valid_from`
that day. Amounts are strings, so that no float comes near them. `[[term]]` adds the prices of what
is reserved (`billing.pricebook.reserved`).

Pure: reads files, knows no database. The rules a book must keep are in `billing.pricebook.lint`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from billing.pricebook.meters import METERS
from billing.pricebook.reserved import reserved_rows, terms_in

FOLDER = Path(__file__).parent.parent / "prices"
MODES = ("flat", "graduated", "volume", "package")
CATEGORIES = ("standard", "committed", "dynamic")
_TABLE = frozenset({"price", "unit", "free", "free_for", "mode", "tiers"})
_ENTRY = frozenset({"class", "region", "category", "valid_from", "valid_to", "discountable"})


@dataclass(frozen=True, slots=True)
class Tier:
    """From `start` units in a month (exclusive) to `end` (inclusive, None = no end)."""

    start: Decimal
    end: Decimal | None
    unit_price: Decimal
    flat: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class PriceRow:
    """One `unit` of `meter` in `price_class` costs what `tiers` say, from `valid_from` (inclusive)
    to `valid_to` (exclusive).

    `region` empty = everywhere. Tiers count from the first unit of a month, the free ones included.
    """

    book: str
    price_class: str
    meter: str
    unit: str
    tiers: tuple[Tier, ...]
    valid_from: datetime
    valid_to: datetime | None = None
    region: str = ""
    currency: str = "EUR"
    mode: str = "flat"
    category: str = "standard"
    free_quantity: Decimal = Decimal(0)
    free_for: str = ""
    discountable: bool = True  # whether a commitment or volume discount may take it lower

    @property
    def key(self) -> tuple[str, str, str, str, str]:
        return self.book, self.price_class, self.meter, self.region, self.category

    @property
    def name(self) -> str:
        return "/".join(filter(None, (self.price_class, self.meter, self.region)))

    def holds(self, at: datetime) -> bool:
        return self.valid_from <= at and (self.valid_to is None or at < self.valid_to)


def plain(value: Decimal) -> str:
    """All digits, never an exponent: how decimals are stored and answered."""
    return f"{value:f}"


def read(folder: Path = FOLDER) -> list[PriceRow]:
    """All rows of all files. Raises: ValueError, naming the file, on a fault of form."""
    rows: list[PriceRow] = []
    for path in sorted(folder.glob("*.toml")):
        try:
            rows += _rows(tomllib.loads(path.read_text(), parse_float=_no_float))
        except KeyError as error:
            raise ValueError(f"{path.name}: {error.args[0]} is missing") from error
        except (ValueError, TypeError) as error:
            raise ValueError(f"{path.name}: {error}") from error
    if not rows:
        raise ValueError(f"there is no price file in {folder}")
    return rows


def read_all(folder: Path = FOLDER) -> list[PriceRow]:
    """The same and what is reserved, for the terms that the files name. Raises: ValueError."""
    rows = read(folder)
    offered = terms_in(tomllib.loads(path.read_text()) for path in sorted(folder.glob("*.toml")))
    return [*rows, *reserved_rows(rows, offered)]


def _no_float(text: str) -> Decimal:
    raise ValueError(f"write the amount {text} as a string")


def _rows(document: Mapping[str, Any]) -> Iterator[PriceRow]:
    without = "term" in document or "factor" in document
    for entry in document.get("price", ()) if without else document["price"]:
        classes = entry["class"] if isinstance(entry["class"], list) else [entry["class"]]
        meters = [name for name in entry if name not in _ENTRY]
        unknown = [name for name in meters if name not in METERS]
        if unknown:
            raise ValueError(f"{classes[0]}: unknown {', '.join(sorted(unknown))}")
        for price_class in classes:
            for meter in meters:
                yield _row(document, entry, price_class, meter)


def _row(
    document: Mapping[str, Any], entry: Mapping[str, Any], price_class: str, meter: str
) -> PriceRow:
    table = entry[meter] if isinstance(entry[meter], dict) else {"price": entry[meter]}
    if unknown := set(table) - _TABLE:
        raise ValueError(f"{price_class}/{meter}: unknown {', '.join(sorted(unknown))}")
    return PriceRow(
        book=document["book"],
        price_class=price_class,
        meter=meter,
        unit=table.get("unit", METERS[meter].unit),
        tiers=tuple(_tiers(table)),
        valid_from=_moment(entry.get("valid_from", document["valid_from"])),
        valid_to=_moment(entry["valid_to"]) if "valid_to" in entry else None,
        region=entry.get("region", ""),
        currency=document["currency"],
        mode=table.get("mode", "flat"),
        category=entry.get("category", "standard"),
        free_quantity=_amount(table.get("free", "0")),
        free_for=table.get("free_for", ""),
        discountable=entry.get("discountable", True),
    )


def _tiers(table: Mapping[str, Any]) -> Iterable[Tier]:
    """A tier begins where the one before it ends, unless it says `from` itself."""
    if "tiers" not in table:
        yield Tier(Decimal(0), None, _amount(table["price"]))
        return
    start = Decimal(0)
    for tier in table["tiers"]:
        end = _amount(tier["to"]) if "to" in tier else None
        begin = _amount(tier["from"]) if "from" in tier else start
        yield Tier(begin, end, _amount(tier["price"]), _amount(tier.get("flat", "0")))
        start = end if end is not None else start


def _amount(value: object) -> Decimal:
    if not isinstance(value, str):
        raise TypeError(f"write the amount {value!r} as a string")
    try:
        amount = Decimal(value)
    except InvalidOperation as error:
        raise ValueError(f"{value!r} is no amount") from error
    if not amount.is_finite():
        raise ValueError(f"{value!r} is no amount")
    return amount


def _moment(value: object) -> datetime:
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        return datetime.combine(value, time(), UTC)
    raise TypeError(f"{value!r} is no date")
