"""What a plan costs: Σ quantity × rate of its price class. Pure and exact; nothing is rounded
here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from billing.vat import VatRate
from portal.kernel.money import HOURS_PER_MONTH, Money
from services.spec import Offering, Plan


@dataclass(frozen=True, slots=True)
class Rate:
    """What an hour of one unit costs, and the price row that says so."""

    meter: str
    unit_price: Decimal
    price_id: str


@dataclass(frozen=True, slots=True)
class Line:
    """`quantity` units of `meter` at `unit_price` an hour."""

    meter: str
    quantity: Decimal
    unit_price: Decimal
    price_id: str
    currency: str = "EUR"

    @property
    def hourly(self) -> Money:
        return Money(self.quantity * self.unit_price, self.currency)

    @property
    def monthly(self) -> Money:
        return self.hourly.times(HOURS_PER_MONTH)


@dataclass(frozen=True, slots=True)
class Quote:
    """A price with everything it is made of. Amounts are net unless they say otherwise; a month is
    730 hours.
    """

    offering: str
    plan: str
    lines: tuple[Line, ...]
    vat: VatRate
    at: datetime
    currency: str = "EUR"

    @property
    def hourly(self) -> Money:
        return Money(sum((line.hourly.amount for line in self.lines), Decimal(0)), self.currency)

    @property
    def monthly(self) -> Money:
        return self.hourly.times(HOURS_PER_MONTH)

    @property
    def monthly_vat(self) -> Money:
        return self.monthly.times(self.vat.percent / 100)

    @property
    def monthly_gross(self) -> Money:
        return self.monthly + self.monthly_vat

    @property
    def hourly_gross(self) -> Money:
        return self.hourly.times(1 + self.vat.percent / 100)

    def as_json(self) -> dict[str, Any]:
        """The snapshot that an order keeps; decimals as strings."""
        return {
            "offering": self.offering,
            "plan": self.plan,
            "at": self.at.isoformat(),
            "currency": self.currency,
            "hourly": str(self.hourly.amount),
            "monthly_estimate": str(self.monthly.amount),
            "monthly_gross": str(self.monthly_gross.amount),
            "vat_percent": str(self.vat.percent),
            "vat_country": self.vat.country,
            "lines": [
                {
                    "meter": line.meter,
                    "quantity": str(line.quantity),
                    "unit_price": str(line.unit_price),
                    "hourly": str(line.hourly.amount),
                    "price": line.price_id,
                }
                for line in self.lines
            ],
        }


def quantities(plan: Plan) -> dict[str, Decimal]:
    """What a plan consists of, by meter, over all its nodes."""
    return {
        "vcpu": plan.vcpu * plan.nodes,
        "memory_gib": Decimal(plan.memory_mib) / 1024 * plan.nodes,
        "storage_gib": Decimal(plan.storage_gib * plan.nodes),
    }


def quote(
    offering: Offering, plan: Plan, rates: Mapping[str, Rate], *, vat: VatRate, at: datetime
) -> Quote:
    """Raises: KeyError when a quantity of the plan has no rate."""
    lines = tuple(
        Line(meter, quantity, rates[meter].unit_price, rates[meter].price_id)
        for meter, quantity in quantities(plan).items()
    )
    return Quote(offering.slug, plan.id, lines, vat, at)
