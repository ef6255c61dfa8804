"""The words and figures of the PDF, in the buyer's language. The template only lays them out.

What stands here is what the XML says: figures come from the same document and the same sums.
"""

from __future__ import annotations

import unicodedata
from dataclasses import astuple, dataclass
from datetime import timedelta
from decimal import Decimal
from itertools import groupby

from babel.numbers import format_percent
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from billing.einvoice import giro
from billing.einvoice.document import (
    Card,
    Category,
    DirectDebit,
    Document,
    Line,
    Party,
    Period,
    Transfer,
)
from billing.einvoice.exemptions import WORDS
from billing.einvoice.totals import HUNDRED, Totals, VatSum, totals
from billing.formats import MINUS, exact_money
from billing.formats import money as money_of
from portal.kernel.formats import month, number, reader_locale, short_day
from portal.kernel.money import Money

# The same in all languages.
_SYMBOLS = {"C62": "", "SEC": "s", "MIN": "min", "HUR": "h", "E34": "GB", "E62": "GiB"}

Pair = tuple[str, str]
_DASH = "\u00a0– "


@dataclass(frozen=True, slots=True)
class Row:
    """A line. `notes` are small print below its name."""

    name: str
    notes: tuple[str, ...]
    quantity: str
    price: str
    per: str
    vat: str
    net: str


@dataclass(frozen=True, slots=True)
class Group:
    """`title` is empty where nothing is grouped."""

    title: str
    subtotal: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """All that a page shows. Pairs are label and value. `qr` is a drawing (SVG), or empty."""

    lang: str
    title: str
    heading: str
    number: str
    issued: tuple[int, int, int]
    seller: str
    sender: str
    buyer: tuple[str, ...]
    facts: tuple[Pair, ...]
    figures: tuple[Pair, ...]
    notes: tuple[str, ...]
    columns: tuple[str, ...]
    groups: tuple[Group, ...]
    sums: tuple[Pair, ...]
    total: Pair
    remarks: tuple[str, ...]
    payment_title: str
    payment: tuple[Pair, ...]
    qr: str
    qr_label: str
    footer: tuple[tuple[str, ...], ...]
    xml_label: str


def page_of(document: Document) -> Page:
    with translation.override(_language(document.language)):
        return _page(document, totals(document))


def exemption_words(category: Category, language: str) -> str:
    """For `Document.exemption`: why no VAT is charged; empty where it is."""
    with translation.override(_language(language)):
        return _(WORDS[category]) if category in WORDS else ""


def _language(code: str) -> str:
    """English, which is British here, where we do not speak it."""
    spoken = code.split("-")[0]
    return spoken if spoken in ("de", "fr") else "en-gb"


def _page(document: Document, sums: Totals) -> Page:
    heading = _("Credit note") if document.is_credit_note else _("Invoice")
    issued = document.issued_on
    seller = document.seller
    return Page(
        lang=_language(document.language).split("-")[0],
        title=f"{heading} {document.number}",
        heading=heading,
        number=document.number,
        issued=(issued.year, issued.month, issued.day),
        seller=seller.name,
        sender=" · ".join((seller.name, *_place(seller))),
        buyer=(document.buyer.name, *_place(document.buyer), *_country(document)),
        facts=tuple((label, value) for label, value in _facts(document) if value),
        figures=_figures(document, sums),
        notes=document.notes,
        columns=(_("Item"), _("Quantity"), _("Unit price"), _("VAT"), _("Net amount")),
        groups=tuple(_groups(document)),
        sums=tuple(_sums(document, sums)),
        total=(_total_label(document), _money(sums.payable, document)),
        remarks=tuple(_remarks(document, sums)),
        payment_title=_("Payment"),
        payment=tuple((label, value) for label, value in _payment(document) if value),
        qr=giro.drawing(document, sums),
        qr_label=_("Code for your bank's app: fills in the transfer"),
        footer=_footer(seller),
        xml_label=_("The same document as XML (Factur-X, EN 16931)"),
    )


# -- head ------------------------------------------------------------------------------------------


def _place(party: Party) -> tuple[str, ...]:
    address = party.address
    lines = (address.street, address.extra, f"{address.postcode} {address.city}".strip())
    return tuple(line for line in lines if line)


def _country(document: Document) -> tuple[str, ...]:
    """Only where the letter leaves the seller's country."""
    country = document.buyer.address.country
    if country == document.seller.address.country:
        return ()
    return (str(reader_locale().territories.get(country, country)),)


def _facts(document: Document) -> list[Pair]:
    corrects = document.corrects
    corrected = f"{corrects.number}, {short_day(corrects.issued_on)}" if corrects else ""
    return [
        (_("Number"), document.number),
        (_("Date"), short_day(document.issued_on)),
        (_("Corrects invoice"), corrected),
        (_("Period"), _period(document.period)),
        (_("Your reference"), document.buyer_reference),
        (_("Order number"), document.order_number),
        (_("Your VAT number"), "" if document.is_outside_vat else document.buyer.vat_id),
    ]


def _period(period: Period) -> str:
    """A whole month by its name."""
    start, end = period.start, period.end
    if start.day == 1 and end + timedelta(days=1) == (start + timedelta(days=31)).replace(day=1):
        return month(start)
    return f"{short_day(period.start)}{_DASH}{short_day(period.end)}"


def _figures(document: Document, sums: Totals) -> tuple[Pair, ...]:
    """What a reader looks for first."""
    asked = sums.payable and not document.is_credit_note
    due = short_day(document.due_on) if document.due_on and asked else ""
    found = (
        (_total_label(document), _money(sums.payable, document)),
        (_("Due"), due),
        (_("Net amount"), _money(sums.net, document)),
        (_("VAT"), _money(sums.vat, document)),
    )
    return tuple((label, value) for label, value in found if value)


def _total_label(document: Document) -> str:
    return _("Credited to you") if document.is_credit_note else _("To pay")


# -- lines and sums --------------------------------------------------------------------------------


def _groups(document: Document) -> list[Group]:
    return [
        Group(
            title,
            _money(sum((line.net for line in lines), Decimal(0)), document),
            tuple(_row(line, document) for line in lines),
        )
        for title, lines in (
            (key, tuple(found)) for key, found in groupby(document.lines, lambda x: x.group)
        )
    ]


def _row(line: Line, document: Document) -> Row:
    period = "" if line.period == document.period else _period(line.period)
    per = "" if line.base_quantity == 1 else number(line.base_quantity)
    outside = line.vat.category is Category.OUTSIDE
    return Row(
        name=line.name,
        notes=tuple(note for note in (line.detail, period) if note),
        quantity=_quantity(line),
        price=exact_money(line.unit_price, document.currency),
        per=_("per %(quantity)s") % {"quantity": per} if per else "",
        vat="—" if outside else _percent(line.vat.percent),
        net=_money(line.net, document),
    )


def _quantity(line: Line) -> str:
    """With its unit; a piece needs no word."""
    counted = number(line.quantity).replace("-", MINUS)
    count = 1 if abs(line.quantity) == 1 else 2  # these languages know one and more than one
    words = {
        "DAY": ngettext("%(quantity)s day", "%(quantity)s days", count),
        "MON": ngettext("%(quantity)s month", "%(quantity)s months", count),
        "ANN": ngettext("%(quantity)s year", "%(quantity)s years", count),
    }
    if line.unit in words:
        return words[line.unit] % {"quantity": counted}
    return f"{counted}\u00a0{_SYMBOLS.get(line.unit, line.unit)}".rstrip()


def _sums(document: Document, sums: Totals) -> list[Pair]:
    found = []
    if document.allowances:
        found.append((_("Sum of items"), _money(sums.lines, document)))
        found += [(a.reason, _money(-a.amount, document)) for a in document.allowances]
    found.append((_("Net amount"), _money(sums.net, document)))
    found += [
        (_vat_label(part, document), _money(part.amount, document)) for part in sums.breakdown
    ]
    if sums.paid:
        found.append((_("Total with VAT"), _money(sums.gross, document)))
        found.append((_("Already paid"), _money(-sums.paid, document)))
    return found


def _vat_label(part: VatSum, document: Document) -> str:
    match part.vat.category:
        case Category.REVERSE_CHARGE:
            return _("VAT: reverse charge")
        case Category.OUTSIDE:
            return _("VAT: not due")
    params = {"percent": _percent(part.vat.percent), "amount": _money(part.base, document)}
    return _("VAT %(percent)s on %(amount)s") % params


def _percent(percent: Decimal) -> str:
    return str(
        format_percent(percent / HUNDRED, locale=reader_locale(), decimal_quantization=False)
    )


def _money(amount: Decimal, document: Document) -> str:
    return money_of(Money(amount, document.currency))


# -- foot ------------------------------------------------------------------------------------------


def _remarks(document: Document, sums: Totals) -> list[str]:
    """Why no VAT is charged, in the words that the XML has; then the terms."""
    categories = {part.vat.category for part in sums.breakdown}
    reasons = [document.exemption or WORDS[c] for c in sorted(categories) if c in WORDS]
    return [text for text in (*reasons, document.terms) if text]


def _payment(document: Document) -> list[Pair]:
    """How the buyer pays; nothing where the money goes the other way."""
    if document.is_credit_note:
        return []
    match document.payment:
        case Transfer(iban=iban, bic=bic):
            return [
                (_("Account holder"), document.seller.name),
                ("IBAN", _spaced(iban)),
                ("BIC", bic),
                (_("Reference"), document.number),
            ]
        case DirectDebit(iban=iban, mandate=mandate, creditor=creditor):
            return [
                (_("Direct debit from"), _spaced(iban)),
                (_("Mandate"), mandate),
                (_("Creditor"), creditor),
            ]
        case Card(last_digits=digits, holder=holder, network=network):
            return [(_("Card"), f"{network} •••• {digits}"), (_("Card holder"), holder)]


def _spaced(iban: str) -> str:
    """In groups of four that stay together."""
    compact = iban.replace(" ", "")
    return "\u00a0".join(compact[at : at + 4] for at in range(0, len(compact), 4))


def _footer(seller: Party) -> tuple[tuple[str, ...], ...]:
    contact: tuple[str, ...] = astuple(seller.contact) if seller.contact else ()
    vat = _("VAT number %(number)s") % {"number": seller.vat_id} if seller.vat_id else ""
    tax = _("Tax number %(number)s") % {"number": seller.tax_number} if seller.tax_number else ""
    columns = ((seller.name, *_place(seller)), contact, (seller.registration, vat, tax))
    return tuple(tuple(line for line in column if line) for column in columns)


def without(text: str, characters: frozenset[str]) -> str:
    """Composed where it can be, and with `?` for what no font of ours has."""
    composed = unicodedata.normalize("NFC", text)
    return "".join("?" if c in characters else c for c in composed)
