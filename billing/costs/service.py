"""What the costs of one service in a month are made of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from django.db.models import BooleanField, ExpressionWrapper, Q, Sum
from django.db.models.functions import TruncMonth
from django.utils.translation import gettext as _

from billing.costs.texts import charge_text
from billing.metering.plantime import month_bounds
from billing.models import CostLine
from billing.pricebook.meters import base_units
from billing.pricebook.texts import metered_label
from billing.spot.books import factor_of
from portal.kernel.actor import Actor
from portal.kernel.formats import month as month_name
from portal.tenancy import access
from portal.tenancy.permissions import Permission

if TYPE_CHECKING:
    from services.instances.models import Instance


@dataclass(frozen=True, slots=True)
class UsageLine:
    """What a service used of one meter at one tier in a month: `quantity` in `unit`s at
    `unit_price` comes to `cost`. Tier 0 is what was free, or `covered` by a commitment; what has a
    price of 0 is included. What is no usage of the month itself has its `text`.
    """

    price_class: str
    meter: str
    tier: int
    unit: str
    quantity: Decimal
    unit_price: Decimal
    cost: Decimal
    text: str = ""
    covered: bool = False

    @property
    def is_free(self) -> bool:
        return self.tier == 0 and not self.covered

    @property
    def is_included(self) -> bool:
        return self.tier > 0 and not self.unit_price and not self.text


def usage_lines_for(actor: Actor, instance: Instance, month: date) -> list[UsageLine]:
    """What the costs of a service in a calendar month are made of. Raises: NotPermitted."""
    access.require(actor, instance.project, Permission.COST_VIEW)
    start, end = month_bounds(month)
    rows = CostLine.objects.filter(
        organisation=instance.project.organisation_id,
        instance=instance,
        day__gte=start.date(),
        day__lt=end.date(),
    )
    covers = ExpressionWrapper(Q(commitment__isnull=False), BooleanField())
    used = rows.filter(reference="").annotate(of=TruncMonth("corrects_day"), covers=covers)
    parts = (
        *("of", "price_class", "meter", "tier", "unit", "contracted_unit_price", "covers"),
        "price__book",
    )
    listed = used.values_list(*parts).annotate(Sum("quantity"), Sum("billed_cost")).order_by(*parts)
    found = [
        UsageLine(
            price_class,
            meter,
            tier,
            unit,
            round(quantity / base_units(unit, _seconds_of(of or month)), 9),
            unit_price,
            cost,
            _line_text(of, meter, book or ""),
            covered,
        )
        for of, price_class, meter, tier, unit, unit_price, covered, book, quantity, cost in listed
    ]
    return found + [
        UsageLine(
            line.price_class,
            line.meter,
            line.tier,
            line.unit,
            line.quantity,
            line.contracted_unit_price,
            line.billed_cost,
            charge_text(line.reference, line.about or {}),
        )
        for line in rows.exclude(reference="").order_by("day", "reference")
    ]


def _seconds_of(month: date) -> int:
    start, end = month_bounds(month)
    return (end - start) // timedelta(seconds=1)


def _line_text(month: date | None, meter: str, book: str) -> str:
    """Of what is more than its meter: a correction, or what ran on spare capacity."""
    label = metered_label(meter, book)
    if month is not None:
        return _("Correction for %(month)s: %(meter)s") % {
            "month": month_name(month),
            "meter": label,
        }
    return label if factor_of(book) is not None else ""
