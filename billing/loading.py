"""From price files to Price rows: idempotent, and never a silent change of what holds already."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from django.db import transaction

from billing.book import FOLDER, PriceRow, lint, read
from billing.models import Price
from portal.kernel import clock, ids


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a load did, in rows."""

    added: int
    changed: int
    same: int


@transaction.atomic
def load_prices(folder: Path = FOLDER) -> Loaded:
    """Makes the database hold what the files say.

    A price that has not begun yet may still change; one that holds may only be ended. Raises:
    ValueError, with every fault, and nothing is written.
    """
    rows = read(folder)
    faults = lint(rows)
    if faults:
        raise ValueError("; ".join(faults))
    added = changed = same = 0
    for row in rows:
        found = Price.objects.filter(
            book=row.book,
            price_class=row.price_class,
            meter=row.meter,
            region=row.region,
            category=Price.Category.STANDARD,
            valid_from=row.valid_from,
        ).first()
        if found is None:
            _add(row)
            added += 1
        elif _differs(found, row):
            _change(found, row)
            changed += 1
        else:
            same += 1
    return Loaded(added, changed, same)


def _tiers(row: PriceRow) -> list[dict[str, str | None]]:
    return [{"from": "0", "to": None, "unit_price": str(row.unit_price), "flat": "0"}]


def _add(row: PriceRow) -> None:
    Price.objects.create(
        public_id=ids.public_id("pr"),
        book=row.book,
        price_class=row.price_class,
        meter=row.meter,
        region=row.region,
        unit="hour",
        currency=row.currency,
        tiers=_tiers(row),
        valid_from=row.valid_from,
        valid_to=row.valid_to,
    )


def _differs(found: Price, row: PriceRow) -> bool:
    return found.tiers != _tiers(row) or found.valid_to != row.valid_to


def _change(found: Price, row: PriceRow) -> None:
    if found.tiers != _tiers(row) and found.valid_from <= clock.now():
        raise ValueError(
            f"{found} holds since {found.valid_from:%F} and cannot change: give the old entry a "
            "valid_to and add a new one."
        )
    found.tiers, found.valid_to = _tiers(row), row.valid_to
    found.save(update_fields=["tiers", "valid_to"])
