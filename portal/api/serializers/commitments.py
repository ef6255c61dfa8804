"""Reserved capacity: what is there, and what a purchase would mean."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING

from billing.commitments.actions import UPFRONT_PERCENTS
from billing.pricebook.reserved import terms
from portal.api.serializers.common import (
    DAY,
    DECIMAL,
    INTEGER,
    TEXT,
    Json,
    decimal,
    many,
    maybe,
    money,
    one_of,
    ref,
    shape,
)
from portal.kernel import clock

if TYPE_CHECKING:
    from billing.commitments.actions import Reservation
    from billing.models import Commitment

TERMS = tuple(terms())
_RATES = many(ref("CommittedRate"))
SCHEMAS: dict[str, Json] = {
    "CommittedRate": shape(
        {
            "meter": TEXT,
            "quantity": DECIMAL,
            "unit_price": DECIMAL,
            "on_demand_unit_price": DECIMAL,
        }
    ),
    "Commitment": shape(
        {
            "id": TEXT,
            "organisation": TEXT,
            "status": one_of("planned", "active", "ended"),
            "price_class": TEXT,
            "offering": maybe(TEXT),
            "plan": maybe(TEXT),
            "pieces": maybe(INTEGER),
            "region": maybe(TEXT),
            "term": one_of(*TERMS),
            "start": DAY,
            "end": DAY,
            "upfront_percent": INTEGER,
            "total": ref("Money"),
            "rates": _RATES,
            "renewed_from": maybe(TEXT),
        }
    ),
    "CommitmentOffer": shape(
        {
            "price_class": TEXT,
            "start": DAY,
            "end": DAY,
            "total": ref("Money"),
            "on_demand_total": ref("Money"),
            "break_even_percent": DECIMAL,
            "saved_last_30_days": ref("Money"),
            "used_percent_last_30_days": DECIMAL,
            "payments": many(shape({"day": DAY, "amount": ref("Money")})),
            "rates": _RATES,
        }
    ),
}
FIELDS: dict[str, Json] = {
    "organisation": TEXT,
    "term": one_of(*TERMS),
    "offering": TEXT,
    "plan": TEXT,
    "pieces": {"type": "integer", "minimum": 1, "maximum": 100_000},
    "price_class": TEXT,
    "quantities": {"type": "object", "additionalProperties": DECIMAL},
    "region": TEXT,
    "upfront_percent": {"type": "integer", "enum": list(UPFRONT_PERCENTS)},
    "start": DAY,
    "renews": TEXT,
}


def commitments(rows: Iterable[Commitment]) -> list[Json]:
    return [commitment(row) for row in rows]


def commitment(row: Commitment) -> Json:
    return {
        "id": row.public_id,
        "organisation": row.organisation.slug,
        "status": row.status_on(clock.now().date()),
        "price_class": row.price_class,
        "offering": row.offering or None,
        "plan": row.plan or None,
        "pieces": row.pieces or None,
        "region": row.region or None,
        "term": row.term,
        "start": row.start.isoformat(),
        "end": row.end.isoformat(),
        "upfront_percent": row.upfront_percent,
        "total": money(row.total, row.currency),
        "rates": [
            _rate(r.meter, r.quantity, r.unit_price, r.on_demand_unit_price)
            for r in row.rates.all()
        ],
        "renewed_from": row.renewed_from.public_id if row.renewed_from else None,
    }


def offer(found: Reservation) -> Json:
    currency = found.currency
    return {
        "price_class": found.price_class,
        "start": found.start.isoformat(),
        "end": found.end.isoformat(),
        "total": money(found.total, currency),
        "on_demand_total": money(found.on_demand_total, currency),
        "break_even_percent": decimal(found.break_even_percent),
        "saved_last_30_days": money(found.saved, currency),
        "used_percent_last_30_days": decimal(found.used_percent),
        "payments": [
            {"day": day.isoformat(), "amount": money(amount, currency)}
            for day, amount in found.payments
        ],
        "rates": [_rate(r.meter, r.quantity, r.unit_price, r.on_demand) for r in found.rates],
    }


def _rate(meter: str, quantity: Decimal, unit_price: Decimal, on_demand: Decimal) -> Json:
    return {
        "meter": meter,
        "quantity": decimal(quantity),
        "unit_price": decimal(unit_price),
        "on_demand_unit_price": decimal(on_demand),
    }
