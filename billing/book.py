"""Prices as code: TOML files in `billing/prices/` → price rows, with the rules that every file must
keep.

Pure: reads files, knows no database. Amounts are decimal strings in the files and Decimals here;
there is no float.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "prices"
METERS = ("vcpu", "memory_gib", "storage_gib", "backup_gib")
_PER_SECOND = ("vcpu", "memory_gib")
_DISCOUNTS = tuple(Decimal(d) for d in ("1", "0.95", "0.90", "0.75", "0.60"))
_PLACES = 9


@dataclass(frozen=True, slots=True)
class PriceRow:
    """One unit of `meter` in `price_class` costs `unit_price` from `valid_from` (inclusive) to
    `valid_to` (exclusive).

    `region` empty = everywhere. The unit is the hour.
    """

    book: str
    price_class: str
    meter: str
    unit_price: Decimal
    valid_from: datetime
    valid_to: datetime | None = None
    region: str = ""
    currency: str = "EUR"

    @property
    def key(self) -> tuple[str, str, str, str]:
        return self.book, self.price_class, self.meter, self.region


def read(folder: Path = FOLDER) -> list[PriceRow]:
    """All rows of all files. Raises: ValueError, naming the file, on a fault of form."""
    rows: list[PriceRow] = []
    for path in sorted(folder.glob("*.toml")):
        try:
            rows += _rows(tomllib.loads(path.read_text()))
        except (KeyError, ValueError, TypeError, InvalidOperation) as error:
            raise ValueError(f"{path.name}: {error}") from error
    return rows


def _rows(document: dict[str, Any]) -> Iterable[PriceRow]:
    for entry in document["price"]:
        known = {"class", "region", "valid_from", "valid_to", *METERS}
        unknown = set(entry) - known
        if unknown:
            raise ValueError(f"{entry['class']}: unknown {', '.join(sorted(unknown))}")
        for meter in METERS:
            if meter in entry:
                yield PriceRow(
                    book=document["book"],
                    price_class=entry["class"],
                    meter=meter,
                    unit_price=_amount(entry[meter]),
                    valid_from=_moment(entry.get("valid_from", document["valid_from"])),
                    valid_to=_moment(entry["valid_to"]) if "valid_to" in entry else None,
                    region=entry.get("region", ""),
                    currency=document["currency"],
                )


def _amount(value: object) -> Decimal:
    if not isinstance(value, str):
        raise TypeError(f"write the amount {value!r} as a string")
    return Decimal(value)


def _moment(value: object) -> datetime:
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        return datetime.combine(value, time(), UTC)
    raise TypeError(f"{value!r} is no date")


def lint(rows: Iterable[PriceRow]) -> list[str]:
    """The faults of a price book; empty when it may be published.

    Prices per second must be exact (÷ 3600 within nine decimals, also after every discount we
    grant), none may be negative, and no two of one key may hold at one time.
    """
    faults: list[str] = []
    by_key: dict[tuple[str, str, str, str], list[PriceRow]] = {}
    for row in rows:
        by_key.setdefault(row.key, []).append(row)
        faults += _row_faults(row)
    for key, same in by_key.items():
        same.sort(key=lambda r: r.valid_from)
        for earlier, later in pairwise(same):
            if earlier.valid_to is None or earlier.valid_to > later.valid_from:
                faults.append(
                    f"{'/'.join(filter(None, key))}: two prices hold on {later.valid_from:%F}"
                )
    return faults


def _row_faults(row: PriceRow) -> list[str]:
    name = f"{row.price_class}/{row.meter}"
    if row.unit_price < 0:
        return [f"{name}: a price is negative"]
    if row.meter not in _PER_SECOND:
        return []
    inexact = [d for d in _DISCOUNTS if not _is_exact(row.unit_price * d)]
    return [f"{name}: {row.unit_price} × {d} is no exact price per second" for d in inexact]


def _is_exact(hourly: Decimal) -> bool:
    """Whether an hour's price is a whole number of nano-euros per second."""
    return hourly.scaleb(_PLACES) % 3600 == 0
