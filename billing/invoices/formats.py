"""The two formats of an invoice that are made when they are asked for: every cost line as CSV, and
a page that stands alone, with tiers and days behind each line. What was issued are the files.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import Sum
from django.db.models.functions import Coalesce
from django.template.loader import render_to_string
from django.utils import translation

from billing.costs.closing import own_lines
from billing.einvoice.pages import page_of
from billing.einvoice.stored import from_json
from billing.formats import exact_money
from billing.metering.plantime import month_bounds
from billing.models import CostLine, Invoice

_COLUMNS = {
    "day": "day",
    "corrects_day": "corrects_day",
    "category": "category",
    "reference": "reference",
    "project": "project__slug",
    "instance": "instance__public_id",
    "offering": "offering",
    "region": "region",
    "price_class": "price_class",
    "meter": "meter",
    "price": "price__public_id",
    "tier": "tier",
    "quantity_base_units": "quantity",
    "unit": "unit",
    "list_unit_price": "list_unit_price",
    "unit_price": "contracted_unit_price",
    "list_cost": "list_cost",
    "billed_cost": "billed_cost",
    "currency": "currency",
}
_BATCH = 2000


@dataclass(frozen=True, slots=True)
class Day:
    """What one day adds to a line, all digits."""

    day: date
    cost: str


def as_csv(invoice: Invoice) -> Iterator[str]:
    """Every cost line of the month, exact, with a point, by its codes, and what rounding added: the
    sum of `billed_cost` is the net amount of an issued invoice, and less than nothing by that of a
    credit note.
    """
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["invoice", *_COLUMNS])
    name = str(invoice)
    for row in _lines(invoice).iterator(chunk_size=_BATCH):
        writer.writerow([name, *(_cell(value) for value in row)])
        if out.tell() > 1 << 16:
            yield _taken(out)
    yield _taken(out)


def as_html(invoice: Invoice) -> str:
    """One file without any other, in the buyer's language. One query."""
    document = from_json(invoice.document)
    sheet = page_of(document)
    shown = [row for group in sheet.groups for row in group.rows]
    with translation.override("en-gb" if sheet.lang == "en" else sheet.lang):  # as the sheet
        days = _days(invoice)
        rows = [
            (row, days.get((line.sku, line.unit_price, line.period.start), []))
            for row, line in zip(shown, document.lines, strict=True)
        ]
        context = {"invoice": invoice, "sheet": sheet, "rows": rows}
        return render_to_string("billing/invoice.html", context)


def _lines(invoice: Invoice) -> Any:
    start, end = month_bounds(invoice.month)
    rows = CostLine.objects.filter(
        organisation=invoice.organisation_id, day__gte=start.date(), day__lt=end.date()
    )
    return (
        own_lines(rows, invoice)
        .order_by("day", "price_class", "meter", "tier", "instance", "id")
        .values_list(*_COLUMNS.values())
    )


def _days(invoice: Invoice) -> dict[tuple[str, Decimal, date], list[Day]]:
    """By the line's `sku`, unit price and the month of use."""
    start, end = month_bounds(invoice.month)
    rows = CostLine.objects.filter(
        organisation=invoice.organisation_id,
        day__gte=start.date(),
        day__lt=end.date(),
        category=CostLine.Category.USAGE,
        tier__gt=0,
    ).annotate(used_on=Coalesce("corrects_day", "day"))
    parts = ("price__public_id", "tier", "contracted_unit_price", "used_on")
    own = own_lines(rows, invoice)
    listed = own.values_list(*parts).annotate(Sum("billed_cost")).order_by(*parts)
    found: dict[tuple[str, Decimal, date], list[Day]] = {}
    for price, tier, unit_price, day, cost in listed:
        key = (f"{price}-{tier}", unit_price, day.replace(day=1))
        found.setdefault(key, []).append(Day(day, exact_money(cost, invoice.currency)))
    return found


def _cell(value: object) -> str:
    if isinstance(value, Decimal):
        return f"{value:f}"
    return "" if value is None else str(value)


def _taken(out: io.StringIO) -> str:
    text = out.getvalue()
    out.seek(0)
    out.truncate()
    return text
