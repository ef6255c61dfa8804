"""From price files to Price rows: idempotent, and never a silent change of what holds already.

What people have been quoted stays: a price that has begun may be ended from now on, and its free
allowance may grow; everything else about it takes a new entry that begins later, and 60 days later
where anything becomes dearer (`billing.pricebook.announcing`). Whoever uses it is told once.
"""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.db import connection, transaction

from billing.models import Price
from billing.pricebook import announcing, queries
from billing.pricebook import notices as price_notices
from billing.pricebook.files import FOLDER, PriceRow, plain, read_all
from billing.pricebook.lint import lint
from billing.spot import history
from billing.spot.factors import said_in
from portal.kernel import clock

_Key = tuple[str, str, str, str, str, datetime]
# Two loads at once would both find the same rows missing.
_LOCK = 0x706F6C646572


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a load did (or would do), in rows; `factors` are new ones of spare capacity."""

    added: int = 0
    changed: int = 0
    withdrawn: int = 0
    same: int = 0
    factors: int = 0

    @property
    def is_current(self) -> bool:
        return not (self.added or self.changed or self.withdrawn or self.factors)


def load_prices(folder: Path = FOLDER, *, write: bool = True) -> Loaded:
    """Makes the database hold what the files say; with `write=False` only says what that takes.

    Raises: ValueError, with every fault, and nothing is written.
    """
    rows = read_all(folder)
    said = said_in(tomllib.loads(path.read_text()) for path in sorted(folder.glob("*.toml")))
    if faults := lint(rows):
        raise ValueError("; ".join(faults))
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("select pg_advisory_xact_lock(%s)", [_LOCK])
        loaded = _load(rows, clock.now(), write)
        loaded = replace(loaded, factors=history.load(said, write=write))
        if not loaded.is_current and write:
            transaction.on_commit(queries.forget_prices)
    queries.forget_prices()
    return loaded


def _load(rows: list[PriceRow], now: datetime, write: bool) -> Loaded:
    books = {row.book for row in rows}
    stored = {_key_of(p): p for p in Price.objects.filter(book__in=books)}
    wanted = {(*row.key, row.valid_from): row for row in rows}
    begun = {key[:3] for key, price in stored.items() if price.valid_from <= now}
    new = [row for key, row in wanted.items() if key not in stored]
    both = [(stored[key], row) for key, row in wanted.items() if key in stored]
    changed = [(price, row) for price, row in both if _said(price) != _said(row)]
    gone = [price for key, price in stored.items() if key not in wanted]
    faults = [f for row in new if (f := _fault_of_new(row, begun, now))]
    faults += [f for price, row in changed if (f := _fault_of_change(price, row, now))]
    announced = _announced(rows, stored, new, changed, now)
    faults += [f for old, row in announced if (f := _fault_of_rise(old, row, stored, now))]
    faults += [f for price in gone if (f := _fault_of_gone(price, now))]
    if faults:
        raise ValueError(" ".join(faults))
    if write:
        Price.objects.filter(pk__in=[price.pk for price in gone]).delete()
        Price.objects.bulk_create(_price(row, now) for row in new)
        for price, row in changed:
            said = {"announced_at": now} if price.valid_from > now else {}
            Price.objects.filter(pk=price.pk).update(**_fields(row), **said)
        price_notices.tell([row for _old, row in announced])
    return Loaded(len(new), len(changed), len(gone), len(both) - len(changed))


def _announced(
    rows: list[PriceRow],
    stored: dict[_Key, Price],
    new: list[PriceRow],
    changed: list[tuple[Price, PriceRow]],
    now: datetime,
) -> list[tuple[PriceRow, PriceRow]]:
    """What is to come, new or other than it was announced, after the price that people have now."""
    coming = [*new, *(row for _price, row in changed)]
    pairs = [(announcing.row_before(row, rows), row) for row in coming if row.valid_from > now]
    return [
        (before, row)
        for before, row in pairs
        if before is not None and (*before.key, before.valid_from) in stored
    ]


def _fault_of_rise(
    before: PriceRow, row: PriceRow, stored: dict[_Key, Price], now: datetime
) -> str:
    """Too late, unless as much was announced before, for that day or an earlier one."""
    told = [
        price
        for key, price in stored.items()
        if key[:-1] == row.key and now < price.valid_from <= row.valid_from
    ]
    if any(not announcing.is_rise(_said(price), _said(row)) for price in told):
        return ""
    rises = announcing.is_rise(_said(before), _said(row))
    return announcing.fault_of_notice(row, now) if rises else ""


def _fault_of_new(row: PriceRow, begun: set[tuple[str, str, str]], now: datetime) -> str:
    if row.valid_from > now or row.key[:3] not in begun:
        return ""
    return (
        f"{row.name}: a price from {row.valid_from:%F} would change what was charged since then. "
        "Let it begin in the future."
    )


def _fault_of_change(price: Price, row: PriceRow, now: datetime) -> str:
    if price.valid_from > now:
        return ""
    amounts = ("unit", "mode", "currency", "tiers")
    old, new = _said(price), _said(row)
    if any(old[name] != new[name] for name in amounts):
        return (
            f"{row.name}: this price holds since {row.valid_from:%F} and cannot change. Give the "
            "entry a valid_to in the future and add a new one that begins then."
        )
    promised = (price.free_quantity, price.free_for)
    if promised != (Decimal(0), "") and (
        row.free_for != price.free_for or row.free_quantity < price.free_quantity
    ):
        return (
            f"{row.name}: the free allowance holds since {row.valid_from:%F} and may only grow. "
            "Give the entry a valid_to in the future and add a new one that begins then."
        )
    ends = [at for at in (price.valid_to, row.valid_to) if at is not None]
    if price.valid_to != row.valid_to and min(ends) < now:
        return f"{row.name}: its end can only move within the future; it is {now:%F} today."
    return ""


def _fault_of_gone(price: Price, now: datetime) -> str:
    if price.valid_from > now:
        return ""
    return (
        f"{price.price_class}/{price.meter}: the price since {price.valid_from:%F} is missing from "
        "the files. Keep the entry, with a valid_to, for what was charged by it."
    )


def _key_of(price: Price) -> _Key:
    key = (price.book, price.price_class, price.meter, price.region, price.category)
    return (*key, price.valid_from)


def _fields(row: PriceRow) -> dict[str, Any]:
    """What a row says, beside its key, as the database holds it."""
    return {
        "unit": row.unit,
        "mode": row.mode,
        "currency": row.currency,
        "free_quantity": row.free_quantity,
        "free_for": row.free_for,
        "tiers": [
            {
                "from": plain(tier.start),
                "to": None if tier.end is None else plain(tier.end),
                "unit_price": plain(tier.unit_price),
                "flat": plain(tier.flat),
            }
            for tier in row.tiers
        ],
        "valid_to": row.valid_to,
    }


def _said(price: Price | PriceRow) -> dict[str, Any]:
    """What a price says, beside its key; amounts as numbers, so that 0.10 is 0.1."""
    names = ("unit", "mode", "currency", "free_quantity", "free_for", "valid_to")
    tiers = price.tiers if isinstance(price, Price) else _fields(price)["tiers"]
    return {
        **{name: getattr(price, name) for name in names},
        "tiers": [{k: v and Decimal(v) for k, v in tier.items()} for tier in tiers],
    }


def _price(row: PriceRow, now: datetime) -> Price:
    book, price_class, meter, region, category = row.key
    return Price(
        public_id=_public_id(row),
        book=book,
        price_class=price_class,
        meter=meter,
        region=region,
        category=category,
        valid_from=row.valid_from,
        announced_at=now,
        **_fields(row),
    )


def _public_id(row: PriceRow) -> str:
    """The same in every installation, so that a quote can be traced to its line in the files."""
    text = "|".join((*row.key, row.valid_from.isoformat()))
    return f"pr-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
