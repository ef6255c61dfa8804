"""Prices, quotes, and what an order would mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from billing.pricebook.texts import vat_label
from billing.spot import factors
from portal.api.serializers.budgets import verdict
from portal.api.serializers.common import (
    BOOLEAN,
    DAY,
    DECIMAL,
    INTEGER,
    MOMENT,
    TEXT,
    Json,
    decimal,
    many,
    maybe,
    moment,
    money,
    number,
    one_of,
    ref,
    shape,
)

if TYPE_CHECKING:
    from billing.costs.queries import Costs
    from billing.models import Price, SpotFactor
    from billing.orders.ordering import Preview
    from billing.pricebook.pricing import Quote
    from services.regions.queries import QuotaLine

EFFECTS = ("none", "rolling", "restart", "replace")

SCHEMAS: dict[str, Json] = {
    "Tier": shape(
        {
            "from": DECIMAL,
            "to": maybe(DECIMAL),
            "unit_price": DECIMAL,
            "flat": DECIMAL,
        }
    ),
    "Price": shape(
        {
            "id": TEXT,
            "price_class": TEXT,
            "meter": TEXT,
            "region": maybe(TEXT),
            "unit": TEXT,
            "mode": one_of("flat", "graduated", "volume", "package"),
            "category": one_of("standard", "committed", "dynamic"),
            "valid_from": MOMENT,
            "valid_to": maybe(MOMENT),
            "currency": TEXT,
            "free_quantity": DECIMAL,
            "tiers": many(ref("Tier")),
        }
    ),
    "SpotFactor": shape(
        {
            "region": maybe(TEXT),
            "price_class": maybe(TEXT),
            "factor": maybe(DECIMAL),
            "valid_from": MOMENT,
            "floor": DECIMAL,
            "ceiling": DECIMAL,
        }
    ),
    "Quote": shape(
        {
            "spot_factor": maybe(DECIMAL),
            "hourly": ref("Money"),
            "monthly_estimate": ref("Money"),
            "monthly_vat": ref("Money"),
            "monthly_gross": ref("Money"),
            "vat": shape({"percent": DECIMAL, "country": TEXT, "label": TEXT}),
            "lines": many(ref("QuoteLine")),
        }
    ),
    "QuoteLine": shape(
        {
            "meter": TEXT,
            "unit": TEXT,
            "quantity": DECIMAL,
            "nodes": INTEGER,
            "unit_price": DECIMAL,
            "hourly": ref("Money"),
            "price": TEXT,
        }
    ),
    "Costs": shape(
        {
            "currency": TEXT,
            "basis": one_of("net"),
            "rows": many(ref("CostRow")),
            "total": DECIMAL,
        }
    ),
    "CostRow": shape(
        {
            "start": DAY,
            "group": TEXT,
            "list_cost": DECIMAL,
            "billed_cost": DECIMAL,
            "effective_cost": DECIMAL,
        }
    ),
    "QuotaForecast": shape(
        {
            "region": TEXT,
            "name": TEXT,
            "limit": {"type": "number"},
            "used": {"type": "number"},
            "wanted": {"type": "number"},
            "left": {"type": "number"},
            "enough": BOOLEAN,
        }
    ),
    "DryRun": shape(
        {
            "quote": maybe(ref("Quote")),
            "quota": many(ref("QuotaForecast")),
            "effect": one_of(*EFFECTS),
            "destroys": many(TEXT),
            "budgets": many(ref("BudgetUse")),
        }
    ),
}


def prices(rows: Sequence[Price]) -> list[Json]:
    return [
        {
            "id": row.public_id,
            "price_class": row.price_class,
            "meter": row.meter,
            "region": row.region or None,
            "unit": row.unit,
            "mode": row.mode,
            "category": row.category,
            "valid_from": moment(row.valid_from),
            "valid_to": moment(row.valid_to),
            "currency": row.currency,
            "free_quantity": decimal(row.free_quantity),
            "tiers": [_tier(tier) for tier in row.tiers],
        }
        for row in rows
    ]


def spot_factors(rows: Sequence[SpotFactor]) -> list[Json]:
    """`region` and `price_class` None: all; `factor` None: what is said of more holds again."""
    return [
        {
            "region": row.region or None,
            "price_class": row.price_class or None,
            "factor": None if row.factor is None else decimal(row.factor),
            "valid_from": moment(row.at),
            "floor": decimal(factors.floor()),
            "ceiling": decimal(factors.CEILING),
        }
        for row in rows
    ]


def costs(found: Costs) -> Json:
    return {
        "currency": found.currency,
        "basis": "net",
        "rows": [
            {
                "start": row.start.isoformat(),
                "group": row.group,
                "list_cost": decimal(row.list_cost),
                "billed_cost": decimal(row.billed_cost),
                "effective_cost": decimal(row.effective_cost),
            }
            for row in found.rows
        ],
        "total": decimal(found.total),
    }


def preview(found: Preview) -> Json:
    return {
        "quote": quote(found.quote),
        "quota": quota(found.quota),
        "effect": found.effect,
        "destroys": found.destroys,
        "budgets": [
            {
                "budget": gate.standing.budget.public_id,
                "expected_percent": decimal(round(gate.percent, 1)),
                "orders": verdict(gate.verdict),
            }
            for gate in found.gates
        ],
    }


def quote(found: Quote) -> Json:
    currency = found.currency
    return {
        "spot_factor": None if found.spot_factor is None else decimal(found.spot_factor),
        "hourly": money(found.hourly.amount, currency),
        "monthly_estimate": money(found.monthly.amount, currency),
        "monthly_vat": money(found.monthly_vat.amount, currency),
        "monthly_gross": money(found.monthly_gross.amount, currency),
        "vat": {
            "percent": decimal(found.vat.percent),
            "country": found.vat.country,
            "label": vat_label(found.vat),
        },
        "lines": [
            {
                "meter": line.meter,
                "unit": line.unit,
                "quantity": decimal(line.quantity),
                "nodes": line.nodes,
                "unit_price": decimal(line.unit_price),
                "hourly": money(line.hourly.amount, currency),
                "price": line.price_id,
            }
            for line in found.lines
        ],
    }


def quota(lines: Sequence[QuotaLine]) -> list[Json]:
    return [
        {
            "region": line.region,
            "name": line.name,
            "limit": number(line.limit),
            "used": number(line.used),
            "wanted": number(line.wanted),
            "left": number(line.left),
            "enough": line.enough,
        }
        for line in lines
    ]


def _tier(tier: Mapping[str, Any]) -> Json:
    end = tier.get("to")
    return {
        "from": decimal(Decimal(tier.get("from") or 0)),
        "to": decimal(Decimal(end)) if end is not None else None,
        "unit_price": decimal(Decimal(tier.get("unit_price") or 0)),
        "flat": decimal(Decimal(tier.get("flat") or 0)),
    }
