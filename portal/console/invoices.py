"""Invoices as members read them: the sheet, and what is behind each of its lines."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.core.paginator import Paginator
from django.urls import reverse
from django.utils.translation import gettext as _

from billing.dunning.steps import hold_of
from billing.einvoice.pages import page_of
from billing.formats import exact_money
from billing.identity import evidence as vat_evidence
from billing.invoices import drilldown, queries
from billing.pricebook import texts
from portal.console.events import event_text
from portal.console.owed import owed, suspension_on
from portal.kernel import formats
from portal.kernel.errors import NotFound

if TYPE_CHECKING:
    from billing.einvoice.document import Line
    from billing.einvoice.pages import Row
    from billing.invoices.drilldown import InvoiceLine, PartRow, TierRow
    from billing.models import Invoice

# Names of their own, the same in all languages.
_FORMATS = {
    "pdf": "PDF",
    "factur-x": "Factur-X",
    "xrechnung-cii": "XRechnung CII",
    "xrechnung-ubl": "XRechnung UBL",
    "peppol-ubl": "Peppol BIS",
    "html": "HTML",
    "csv": "CSV",
}
_PER_PAGE = 100
_NOTHING = Decimal(0)


def sheet(invoice: Invoice) -> dict[str, Any]:
    """Context of console/invoice.html."""
    document = queries.document_of(invoice)
    made = page_of(document)
    numbered = iter(enumerate(document.lines, 1))
    groups = [
        (group, [_numbered(invoice, next(numbered), row) for row in group.rows])
        for group in made.groups
    ]
    names = (*queries.formats_of(invoice), *queries.MADE)
    return {
        "invoice": invoice,
        "sheet": made,
        "groups": groups,
        "formats": [(name, _FORMATS[name]) for name in names],
        "opens": any(deep for _group, rows in groups for _n, _row, deep in rows),
        "owed": (stands := owed(invoice)),
        "suspension_on": suspension_on(invoice, stands),
        "hold": hold_of(invoice),
        "payments": queries.payments_of(invoice),
        "notes": queries.notes_of(invoice),
        "vat_evidence": vat_evidence.facts(found)
        if (found := queries.vat_evidence_of(invoice))
        else [],
        "crumbs": [(_("Invoices"), reverse("console:invoices"))],
    }


def _numbered(invoice: Invoice, numbered: tuple[int, Line], row: Row) -> tuple[int, Row, bool]:
    """The number of a line, how it is written, and whether something is behind it."""
    return numbered[0], row, drilldown.is_drillable(invoice, numbered[1])


def tiers(invoice: Invoice, number: int) -> dict[str, Any]:
    """Context of console/invoice_line.html at the level of tiers."""
    line = drilldown.line_of(invoice, number)
    found = drilldown.tiers_of(line)
    exact = sum((row.cost for row in found if row.is_here), _NOTHING)
    rows = [
        {
            "name": _tier(row),
            "quantity": _quantity(row.quantity, row.unit),
            "price": exact_money(row.unit_price, invoice.currency),
            "cost": exact_money(row.cost, invoice.currency),
            "here": row.is_here,
        }
        for row in found
    ]
    return _frame(line, "tiers") | _sums(line, exact) | {"tiers": rows}


def _tier(row: TierRow) -> str:
    if row.tier:
        return _("Tier %(n)d") % {"n": row.tier}
    return _("Covered by what is reserved") if row.unit_price else _("Free of charge")


def days(invoice: Invoice, number: int) -> dict[str, Any]:
    """The same at the level of days."""
    line = drilldown.line_of(invoice, number)
    found = drilldown.days_of(line)
    exact = sum((row.cost for row in found), _NOTHING)
    rows = [
        _part(line, row, formats.day(row.day), _url("invoice-day", line, row.day.isoformat()))
        for row in found
    ]
    return _frame(line, "days") | _sums(line, exact) | {"parts": rows}


def services(invoice: Invoice, number: int, day: str, page: str | None) -> dict[str, Any]:
    """The same at the level of the services of a day."""
    line, at = drilldown.line_of(invoice, number), _day(day)
    found = drilldown.services_of(line, at)
    shown = Paginator(found, _PER_PAGE).get_page(page)
    rows = [
        _part(line, row, row.name, _url("invoice-evidence", line, day, row.public_id))
        for row in shown
    ]
    exact = sum((row.cost for row in found), _NOTHING)
    total = {"total": exact_money(exact, invoice.currency)}
    return _frame(line, "services", at) | total | {"parts": rows, "found": shown}


def evidence(invoice: Invoice, number: int, day: str, public_id: str) -> dict[str, Any]:
    """The same at the level of events."""
    line, at = drilldown.line_of(invoice, number), _day(day)
    found = drilldown.evidence_of(line, at, public_id)
    unit, currency = found.part.unit, invoice.currency
    facts = [(_("In this line"), _quantity(found.part.quantity, unit))]
    facts.append((_("Cost, net"), exact_money(found.part.cost, currency)))
    if found.metered is not None and found.consumed is not None:
        facts.append((_("Metered on this day"), _quantity(found.metered, unit)))
        facts.append((_("Before the cap of 730 hours a month"), _quantity(found.consumed, unit)))
    return _frame(line, "events", at) | {
        "instance": found.instance,
        "facts": facts,
        "happenings": [
            (row.at, event_text(row.code), row.plan, row.at.date() < at) for row in found.happenings
        ],
        "events": [
            (row.start, row.end, _quantity(quantity, unit), row.source)
            for row, quantity in found.events
        ],
    }


def _frame(line: InvoiceLine, level: str, at: date | None = None) -> dict[str, Any]:
    invoice = line.invoice
    levels = [("tiers", _("Tiers"), _url("invoice-line", line))]
    levels.append(("days", _("Days"), _url("invoice-days", line)))
    if at is not None:
        day_url = _url("invoice-day", line, at.isoformat())
        levels.append(("services", formats.day(at), day_url))
    if level == "events":
        levels.append(("events", _("Events"), ""))
    return {
        "invoice": invoice,
        "line": line,
        "level": level,
        "levels": levels,
        "crumbs": [
            (_("Invoices"), reverse("console:invoices")),
            (str(invoice), reverse("console:invoice", args=[invoice])),
        ],
    }


def _sums(line: InvoiceLine, exact: Decimal) -> dict[str, str]:
    """How the exact sum became the amount of the line. The costs of a draft may have gone on."""
    currency = line.invoice.currency
    return {
        "total": exact_money(exact, currency),
        "rounding": exact_money(line.line.net - exact, currency),
        "net": exact_money(line.line.net, currency),
    }


def _part(line: InvoiceLine, row: PartRow, name: str, url: str) -> dict[str, str]:
    cost = exact_money(row.cost, line.invoice.currency)
    return {"name": name, "quantity": _quantity(row.quantity, row.unit), "cost": cost, "url": url}


def _quantity(amount: Decimal, unit: str) -> str:
    return texts.measured(amount, unit)


def _url(name: str, line: InvoiceLine, *more: str) -> str:
    return reverse(f"console:{name}", args=[line.invoice, line.number, *more])


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise NotFound(_("“%(day)s” is no day.") % {"day": text}) from error
