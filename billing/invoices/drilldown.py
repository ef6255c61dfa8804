"""From a line of an invoice to what made it: tiers, days, services, events.

Each level is one query over the cost lines that the line sums up, and adds up to the level above:
the line is the exact sum of its days, rounded once. Whoever calls has got the invoice by
`billing.invoices.queries.invoice_for`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.db.models import F, Max, Q, QuerySet, Sum
from django.utils.translation import gettext as _

from billing.costs.posting import is_reference
from billing.einvoice.document import Kind, Line
from billing.einvoice.stored import from_json
from billing.einvoice.units import INVOICE_UNITS
from billing.metering.plantime import month_bounds
from billing.models import CostLine, Invoice, UsageEvent, UsageRecord
from billing.pricebook.meters import base_units
from billing.spot.books import factor_of
from portal.kernel.errors import NotFound
from services.instances.models import InstanceEvent

if TYPE_CHECKING:
    from services.instances.models import Instance

_NOTHING = Decimal(0)
_PLACES = 9
_MOST_EVENTS = 500
# What begins, changes or ends the time that is billed; see `billing.metering.plantime`.
_BILLED = (
    "created",
    "changed",
    "upgraded",
    "repaired",
    "pause_requested",
    "paused",
    "resumed",
    "deleted",
    "binned",
    "undeleted",
    "purged",
    "cancelled",
    "failed",
)


@dataclass(frozen=True, slots=True)
class InvoiceLine:
    """Line `number` of an invoice, from 1. `price` and `tier` are what it is priced by."""

    invoice: Invoice
    number: int
    line: Line
    price: str
    tier: int

    @property
    def month(self) -> date:
        """Of the usage: an earlier one than the invoice's for a correction."""
        return self.line.period.start

    @property
    def is_correction(self) -> bool:
        return self.month != self.invoice.month

    @property
    def seconds(self) -> int:
        start, end = month_bounds(self.month)
        return (end - start) // timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class TierRow:
    """What of a price was used at one tier in the month: `quantity` in `unit`s. Tier 0 is free or,
    where it has a price, covered by what is reserved. `is_here` for the tier of the line.
    """

    tier: int
    unit: str
    quantity: Decimal
    unit_price: Decimal
    cost: Decimal
    is_here: bool


@dataclass(frozen=True, slots=True)
class PartRow:
    """A day, or a service on a day."""

    name: str
    quantity: Decimal
    cost: Decimal
    unit: str
    day: date
    public_id: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a service used of the meter on a day. `metered` is all of it, free or not, on spare
    capacity at the factor of the line; `consumed` the same before the cap of 730 hours; both None
    when nothing was metered under this name.
    `happenings` begin with the one that held when the day began.
    """

    instance: Instance
    part: PartRow
    metered: Decimal | None
    consumed: Decimal | None
    happenings: list[InstanceEvent]
    events: list[tuple[UsageEvent, Decimal]]


def is_drillable(invoice: Invoice, line: Line) -> bool:
    """Whether days stand behind it; what was bought is a line of its own, and what is credited has
    its days on the invoice.
    """
    return invoice.kind == Kind.INVOICE and bool(line.sku) and not is_reference(line.sku)


def line_of(invoice: Invoice, number: int) -> InvoiceLine:
    """Raises: NotFound for a line that is not there, or has nothing behind it."""
    lines = from_json(invoice.document).lines
    if not 1 <= number <= len(lines) or not is_drillable(invoice, lines[number - 1]):
        raise NotFound(
            _("%(invoice)s has no line %(number)s that is made of days.")
            % {"invoice": invoice, "number": number},
            hint=_("See the lines of the invoice."),
        )
    line = lines[number - 1]
    price, _dash, tier = line.sku.rpartition("-")
    return InvoiceLine(invoice, number, line, price, int(tier))


def tiers_of(line: InvoiceLine) -> list[TierRow]:
    """All that the month has of the line's price: what was free, and each tier."""
    parts = ("tier", "unit", "contracted_unit_price")
    rows = _of_price(line).values_list(*parts)
    listed = rows.annotate(Sum("quantity"), Sum("billed_cost")).order_by(*parts)
    return [
        TierRow(
            tier,
            unit,
            _in_units(line, unit, quantity),
            unit_price,
            cost,
            is_here=tier == line.tier
            and unit_price == line.line.unit_price
            and INVOICE_UNITS[unit].code == line.line.unit,
        )
        for tier, unit, unit_price, quantity, cost in listed
    ]


def days_of(line: InvoiceLine) -> list[PartRow]:
    """What each day adds to the line; together its exact amount."""
    rows = _of_line(line).values_list("used_on", "unit")
    listed = rows.annotate(Sum("quantity"), Sum("billed_cost")).order_by("used_on")
    return [
        PartRow(day.isoformat(), _in_units(line, unit, quantity), cost, unit, day)
        for day, unit, quantity, cost in listed
    ]


def services_of(line: InvoiceLine, day: date) -> list[PartRow]:
    """What each service adds to a day, dearest first."""
    named = ("instance__name", "instance__public_id", "unit")
    rows = _of_line(line).filter(used_on=day, instance__isnull=False).values_list(*named)
    listed = rows.annotate(Sum("quantity"), cost=Sum("billed_cost")).order_by("-cost", *named)
    return [
        PartRow(name, _in_units(line, unit, quantity), cost, unit, day, public_id)
        for name, public_id, unit, quantity, cost in listed
    ]


def evidence_of(line: InvoiceLine, day: date, public_id: str) -> Evidence:
    """Raises: NotFound for a service that adds nothing to that day of the line."""
    rows = list(
        _of_line(line)
        .filter(used_on=day, instance__public_id=public_id)
        .select_related("instance__project", "price")
    )
    if not rows or (instance := rows[0].instance) is None:
        raise NotFound(
            _("“%(name)s” adds nothing to this line on %(day)s.")
            % {"name": public_id, "day": day.isoformat()},
            hint=_("See the services of that day."),
        )
    first, meter = rows[0], {"meter": rows[0].meter}
    unit, quantity = first.unit, sum((row.quantity for row in rows), _NOTHING)
    cost = sum((row.billed_cost for row in rows), _NOTHING)
    factor = factor_of(first.price.book)  # time on spare capacity is metered by its factors
    used = UsageRecord.objects.filter(
        instance=instance, day=day, price_class=first.price_class, spot_factor=factor, **meter
    ).aggregate(Sum("quantity"), Sum("consumed"))
    return Evidence(
        instance=instance,
        part=PartRow(
            instance.name, _in_units(line, unit, quantity), cost, unit, day, instance.public_id
        ),
        metered=_maybe(line, unit, used["quantity__sum"]),
        consumed=_maybe(line, unit, used["consumed__sum"]),
        happenings=_happenings(instance, day),
        events=[
            (event, _in_units(line, unit, event.quantity))
            for event in UsageEvent.objects.filter(
                instance=instance, start__gte=_midnight(day), start__lt=_midnight(day, 1), **meter
            ).order_by("start")[:_MOST_EVENTS]
        ],
    )


def _happenings(instance: Instance, day: date) -> list[InstanceEvent]:
    rows = InstanceEvent.objects.filter(instance=instance, code__in=_BILLED)
    before = rows.filter(at__lt=_midnight(day)).order_by().values("instance")
    since = before.annotate(at=Max("at")).values("at")
    within = Q(at__gte=_midnight(day), at__lt=_midnight(day, 1))
    return list(rows.filter(within | Q(at__in=since)).order_by("at", "id")[:_MOST_EVENTS])


def _of_price(line: InvoiceLine) -> QuerySet[Any]:
    """With the day of use as `used_on`."""
    start, end = month_bounds(line.invoice.month)
    rows = CostLine.objects.filter(
        organisation=line.invoice.organisation_id,
        day__gte=start.date(),
        day__lt=end.date(),
        price__public_id=line.price,
        category=CostLine.Category.USAGE,
        is_correction=line.is_correction,
    )
    if not line.is_correction:
        return rows.annotate(used_on=F("day"))
    first, last = line.line.period.start, line.line.period.end
    rows = rows.filter(corrects_day__gte=first, corrects_day__lte=last)
    return rows.annotate(used_on=F("corrects_day"))


def _of_line(line: InvoiceLine) -> QuerySet[Any]:
    units = [name for name, unit in INVOICE_UNITS.items() if unit.code == line.line.unit]
    return _of_price(line).filter(
        tier=line.tier, contracted_unit_price=line.line.unit_price, unit__in=units
    )


def _in_units(line: InvoiceLine, unit: str, quantity: Decimal) -> Decimal:
    return round(quantity / base_units(unit, line.seconds), _PLACES)


def _maybe(line: InvoiceLine, unit: str, quantity: Decimal | None) -> Decimal | None:
    return None if quantity is None else _in_units(line, unit, quantity)


def _midnight(day: date, later: int = 0) -> datetime:
    start, _end = month_bounds(day)
    return start + timedelta(days=day.day - 1 + later)
