"""What closes with an invoice: the month is not rated again, and its costs are brought to the cents
of the invoice, so that every page shows the sum that is to be paid.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import Min, QuerySet, Sum
from django.db.models.functions import Coalesce, TruncMonth
from django.utils.translation import gettext as _

from billing.costs.posting import is_reference
from billing.einvoice.document import Document, Kind, Line, Period
from billing.metering.plantime import last_day
from billing.models import CostLine, CostRollup, InstanceRollup, Invoice, Price, RatedMonth
from portal.kernel import clock
from portal.kernel.errors import Conflict

_NOTHING = Decimal(0)
NOTE = "number"  # in `about` of what a credit note took back: its number
_COSTS = ("list_cost", "contracted_cost", "effective_cost", "billed_cost")


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """What is one line of an invoice: a price and tier of usage in `month`, which is another than
    the invoice's where that is corrected.
    """

    month: date
    price: str
    tier: int


@dataclass(frozen=True, slots=True)
class Exact:
    """What a line's cost lines come to, before rounding."""

    cost: Decimal
    offering: str


def close_month(invoice: Invoice, document: Document) -> None:
    """Call it in the transaction that issues. Raises: Conflict when the month was rated again after
    the draft was written: the invoice would not say what the costs are.
    """
    rated = RatedMonth.objects.select_for_update().get(
        organisation=invoice.organisation_id, month=invoice.month
    )
    changes = [at for at in (rated.rated_at, rated.posted_at) if at is not None]
    if rated.due_since is not None or any(at > invoice.drafted_at for at in changes):
        raise Conflict(
            _("The costs of %(month)s were worked out again after this draft was written.")
            % {"month": f"{invoice.month:%Y-%m}"},
            hint=_("Nothing was issued. Draft it anew."),
        )
    exact = exact_of(usage_of(invoice, document.period))
    bring_to_cents(invoice, document.period, exact, nets_of(document.lines))
    rated.closed_at = clock.now()
    rated.save(update_fields=["closed_at"])


def nets_of(lines: tuple[Line, ...]) -> dict[Key, Decimal]:
    """What a document says of usage; what was posted is exact to the cent already."""
    nets: dict[Key, Decimal] = {}
    for line in lines:
        if not is_reference(line.sku):
            price, _dash, tier = line.sku.rpartition("-")
            key = Key(line.period.start, price, int(tier))
            nets[key] = nets.get(key, _NOTHING) + line.net
    return nets


def own_lines(rows: QuerySet[CostLine], document: Invoice) -> QuerySet[CostLine]:
    """Those of a month's cost lines that an invoice is made of, or a credit note, whose lines name
    it in `about`.
    """
    if document.kind == Kind.INVOICE:
        return rows.exclude(is_correction=True, about__has_key=NOTE)
    return rows.filter(is_correction=True, **{f"about__{NOTE}": document.number})


def usage_of(invoice: Invoice, period: Period) -> QuerySet[CostLine]:
    """The cost lines of usage that are billed in a period."""
    return CostLine.objects.filter(
        organisation=invoice.organisation_id,
        tier__gt=0,
        day__gte=period.start,
        day__lte=period.end,
        category=CostLine.Category.USAGE,
    )


def exact_of(rows: QuerySet[CostLine]) -> dict[Key, Exact]:
    """Their sums by what is one line of an invoice."""
    listed = rows.annotate(month=TruncMonth(Coalesce("corrects_day", "day")))
    parts = listed.values_list("month", "price__public_id", "tier")
    sums = parts.annotate(Sum("billed_cost"), Min("offering")).order_by()
    return {
        Key(month, price, tier): Exact(cost, offering)
        for month, price, tier, cost, offering in sums
    }


def bring_to_cents(
    invoice: Invoice, period: Period, exact: dict[Key, Exact], nets: dict[Key, Decimal]
) -> None:
    """One cost line for what rounding added to a line of the document, or took away from it."""
    prices = {
        row.public_id: row for row in Price.objects.filter(public_id__in={k.price for k in exact})
    }
    made = [
        _rounding(invoice, period, key, prices[key.price], found.offering, difference)
        for key, found in sorted(exact.items())
        if (difference := nets.get(key, _NOTHING) - found.cost)
    ]
    CostLine.objects.bulk_create(made)
    CostRollup.objects.bulk_create(CostRollup(day=line.day, **_sums_of(line)) for line in made)
    InstanceRollup.objects.bulk_create(
        InstanceRollup(
            day=line.day.replace(day=1), is_correction=line.is_correction, **_sums_of(line)
        )
        for line in made
    )


def _sums_of(line: CostLine) -> dict[str, Any]:
    return {
        "organisation": line.organisation,
        "offering": line.offering,
        "category": line.category,
        "currency": line.currency,
        **dict.fromkeys(_COSTS, line.billed_cost),
    }


def _rounding(
    invoice: Invoice, period: Period, key: Key, price: Price, offering: str, difference: Decimal
) -> CostLine:
    corrects = key.month != period.start or invoice.kind != Kind.INVOICE
    return CostLine(
        organisation=invoice.organisation,
        offering=offering,
        day=period.end,
        corrects_day=last_day(key.month) if corrects else None,
        is_correction=corrects,
        about=None if invoice.kind == Kind.INVOICE else {NOTE: invoice.number},
        category=CostLine.Category.ADJUSTMENT,
        price=price,
        price_class=price.price_class,
        meter=price.meter,
        tier=key.tier,
        unit=price.unit,
        quantity=0,
        list_unit_price=0,
        contracted_unit_price=0,
        currency=invoice.currency,
        **dict.fromkeys(_COSTS, difference),
    )
