"""What a plan costs: Σ quantity × rate of its price class. Pure and exact: no amount is rounded
before `Money.rounded`, and arithmetic that would lose a digit raises.

A quote is at list price. Free allowances and volume discounts belong to all that an organisation
uses in a month, so they come with rating.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Context, Decimal, Inexact, InvalidOperation, localcontext
from typing import Any

from billing.pricebook.meters import HELD_ONCE
from billing.vat.decisions import VatRate
from portal.kernel.money import HOURS_PER_MONTH, Money
from services.spec import Offering, Plan

_EXACT = Context(prec=80, traps=[Inexact, InvalidOperation])


@dataclass(frozen=True, slots=True)
class Rate:
    """What one unit costs for an hour, and the price row that says so."""

    meter: str
    unit_price: Decimal
    price_id: str
    currency: str = "EUR"
    unit: str = "hour"


@dataclass(frozen=True, slots=True)
class Line:
    """`quantity` units of `meter` (over all `nodes`) at `unit_price` an hour."""

    meter: str
    quantity: Decimal
    unit_price: Decimal
    price_id: str
    hourly: Money
    monthly: Money
    unit: str = "hour"
    nodes: int = 1


@dataclass(frozen=True, slots=True)
class Month:
    """A month in whole cents, as an invoice would say it: `gross` is the sum of the other two."""

    net: Money
    vat: Money
    gross: Money


@dataclass(frozen=True, slots=True)
class Quote:
    """A price with everything it is made of. Amounts are exact, and net unless they say otherwise;
    a month is 730 hours.
    """

    offering: str
    plan: str
    lines: tuple[Line, ...]
    vat: VatRate
    at: datetime
    hourly: Money
    hourly_gross: Money
    monthly: Money
    monthly_vat: Money
    monthly_gross: Money
    price_ids: tuple[str, ...] = field(default=())
    spot_factor: Decimal | None = None  # of the list price, on spare capacity now

    @property
    def currency(self) -> str:
        return self.hourly.currency

    @property
    def charged_lines(self) -> tuple[Line, ...]:
        """Without what costs nothing."""
        return tuple(line for line in self.lines if line.hourly.amount)

    @property
    def month(self) -> Month:
        """The month for people: rounded once, VAT on the rounded net, so that the three add up."""
        return month_of(self.monthly, self.vat)

    def as_json(self) -> dict[str, Any]:
        """The snapshot that an order keeps; decimals as strings, exact."""
        return {
            "offering": self.offering,
            "plan": self.plan,
            "at": self.at.isoformat(),
            "currency": self.currency,
            "hourly": _text(self.hourly),
            "hourly_gross": _text(self.hourly_gross),
            "monthly_estimate": _text(self.monthly),
            "monthly_vat": _text(self.monthly_vat),
            "monthly_gross": _text(self.monthly_gross),
            "vat_percent": f"{self.vat.percent:f}",
            "vat_country": self.vat.country,
            "vat_label": self.vat.label_code,
            **({} if self.spot_factor is None else {"spot_factor": f"{self.spot_factor:f}"}),
            "lines": [
                {
                    "meter": line.meter,
                    "unit": line.unit,
                    "quantity": f"{line.quantity:f}",
                    "nodes": line.nodes,
                    "unit_price": f"{line.unit_price:f}",
                    "hourly": _text(line.hourly),
                    "price": line.price_id,
                }
                for line in self.lines
            ],
        }


def month_of(net: Money, vat: VatRate) -> Month:
    """`net` in whole cents, VAT on the rounded net, and their sum."""
    cents = net.rounded()
    tax = cents.times(_share(vat.percent)).rounded()
    return Month(cents, tax, cents + tax)


def _text(money: Money) -> str:
    return f"{money.amount:f}"


def _share(percent: Decimal) -> Decimal:
    return percent.scaleb(-2)


def quantities(plan: Plan) -> dict[str, Decimal]:
    """What a plan consists of, by meter, over all its nodes."""
    with localcontext(_EXACT):
        return {
            "vcpu": plan.vcpu * plan.nodes,
            "memory_gib": Decimal(plan.memory_mib * plan.nodes) / 1024,
            "storage_gib": Decimal(plan.storage_gib * plan.nodes),
        }


def held_by(offering: Offering, plan: Plan) -> dict[str, Decimal]:
    """What is billed for as long as the plan runs, by meter: what the offering counts of it."""
    counted = [meter.code for meter in offering.meters]
    held = {**quantities(plan), **dict.fromkeys(HELD_ONCE, Decimal(1))}
    return {meter: amount for meter, amount in held.items() if meter in counted}


def quote_plan(
    offering: Offering, plan: Plan, rates: Mapping[str, Rate], *, vat: VatRate, at: datetime
) -> Quote:
    """What the offering counts by the hour; what is counted by use costs nothing while it is held.
    Raises: KeyError when one of these has no rate.
    """
    return quote(
        held_by(offering, plan),
        rates,
        vat=vat,
        at=at,
        nodes=plan.nodes,
        offering=offering.slug,
        plan=plan.id,
    )


def quote(
    wanted: Mapping[str, Decimal],
    rates: Mapping[str, Rate],
    *,
    vat: VatRate,
    at: datetime,
    nodes: int = 1,
    offering: str = "",
    plan: str = "",
) -> Quote:
    """The price of `wanted` quantities, by meter, for an hour and a month.

    Raises: KeyError when a meter has no rate; ValueError when rates are in several currencies or
    not by the hour; decimal.Inexact rather than a lost digit.
    """
    with localcontext(_EXACT):
        lines = tuple(
            _line(meter, amount, rates[meter], 1 if meter in HELD_ONCE else nodes)
            for meter, amount in wanted.items()
        )
        currency = lines[0].hourly.currency if lines else "EUR"
        hourly = sum((line.hourly for line in lines), Money(Decimal(0), currency))
        monthly = hourly.times(HOURS_PER_MONTH)
        tax = monthly.times(_share(vat.percent))
        return Quote(
            offering=offering,
            plan=plan,
            lines=lines,
            vat=vat,
            at=at,
            hourly=hourly,
            hourly_gross=hourly + hourly.times(_share(vat.percent)),
            monthly=monthly,
            monthly_vat=tax,
            monthly_gross=monthly + tax,
            price_ids=tuple(line.price_id for line in lines),
        )


def _line(meter: str, quantity: Decimal, rate: Rate, nodes: int) -> Line:
    if rate.unit != "hour":
        raise ValueError(f"{meter} is priced by the {rate.unit}, not by the hour")
    hourly = Money(quantity * rate.unit_price, rate.currency)
    monthly = hourly.times(HOURS_PER_MONTH)
    return Line(meter, quantity, rate.unit_price, rate.price_id, hourly, monthly, rate.unit, nodes)
