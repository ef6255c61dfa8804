"""Documents as they come: each VAT case in each shape."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from billing.einvoice.document import (
    Address,
    Allowance,
    Card,
    Category,
    Contact,
    DirectDebit,
    Document,
    Endpoint,
    Kind,
    Line,
    Party,
    Period,
    Reference,
    Transfer,
    Vat,
    priced,
)
from billing.einvoice.exemptions import WORDS
from billing.einvoice.totals import totals

OCTOBER = Period(date(2026, 10, 1), date(2026, 10, 31))
SEPTEMBER = Period(date(2026, 9, 1), date(2026, 9, 30))

SELLER = Party(
    "Polder Cloud GmbH",
    Address("Deichstraße 1", "20459", "Hamburg", "DE"),
    Endpoint("9930", "DE136695976"),
    vat_id="DE136695976",
    registration="HRB 123456",
    contact=Contact("Billing", "+49 40 123456", "billing@polder.example"),
)
GERMAN = Party(
    "Muster AG",
    Address("Hauptstraße 2", "10115", "Berlin", "DE"),
    Endpoint("0204", "991-12345-06"),
    vat_id="DE811569869",
)
FRENCH = Party(
    "Exemple SAS",
    Address("1 rue de la Paix", "75002", "Paris", "FR", extra="Bâtiment C"),
    Endpoint("9957", "FR40303265045"),
    vat_id="FR40303265045",
)
SWISS = Party(
    "Beispiel AG",
    Address("Bahnhofstrasse 3", "8001", "Zürich", "CH"),
    Endpoint("9927", "CHE107787577"),
    vat_id="CHE107787577MWST",
)
DUTCH_CONSUMER = Party(
    "J. Jansen",
    Address("Damrak 1", "1012 LG", "Amsterdam", "NL"),
    Endpoint("EM", "j.jansen@mail.example"),
)


@dataclass(frozen=True)
class Case:
    """A buyer and what follows for VAT."""

    buyer: Party
    place: str
    vat: Vat
    language: str


CASES = {
    "domestic": Case(GERMAN, "DE", Vat(Category.STANDARD, Decimal(19)), "de"),
    "reverse-charge": Case(FRENCH, "FR", Vat(Category.REVERSE_CHARGE, Decimal(0)), "fr"),
    "outside": Case(SWISS, "CH", Vat(Category.OUTSIDE, Decimal(0)), "de"),
    "consumer": Case(DUTCH_CONSUMER, "NL", Vat(Category.STANDARD, Decimal(21)), "en"),
}
IBAN = "DE89370400440532013000"


def cloud(vat: Vat) -> tuple[Line, ...]:
    return (
        _line("Compute c2.medium", "744", "HUR", "0.05184", vat, sku="c2.medium"),
        _line("Block storage", "37200.5", "E34", "0.000137", vat, sku="vol.ssd"),
        _line("PostgreSQL ha-2x8", "1", "MON", "49.90", vat, sku="pg.ha", group="web"),
    )


def tiny(vat: Vat) -> tuple[Line, ...]:
    million = Decimal(1_000_000)
    return (
        _line("Object requests, class A", "123456789", "C62", "5", vat, base=million),
        _line("Queue messages", "7654321", "C62", "0.15", vat, base=million),
        _line("Tokens", "98765432", "C62", "0.000000137", vat),
        _line("Function GiB-seconds", "1234567.891", "C62", "0.0000165", vat),
    )


def corrected(vat: Vat) -> tuple[Line, ...]:
    """Late usage of the month before takes something back."""
    back = _line("Compute c2.medium", "-12.5", "HUR", "0.05184", vat, period=SEPTEMBER)
    return (*cloud(vat), replace(back, detail="Correction for September 2026", group="Corrections"))


def _line(
    name: str,
    quantity: str,
    unit: str,
    price: str,
    vat: Vat,
    *,
    base: Decimal = Decimal(1),
    period: Period = OCTOBER,
    sku: str = "",
    group: str = "shop",
) -> Line:
    return priced(
        name,
        quantity=Decimal(quantity),
        unit=unit,
        unit_price=Decimal(price),
        base_quantity=base,
        vat=vat,
        period=period,
        sku=sku,
        group=group,
    )


def invoice(case: str = "domestic", number: str = "P26-1001") -> Document:
    given = CASES[case]
    return Document(
        kind=Kind.INVOICE,
        number=number,
        issued_on=date(2026, 11, 4),
        due_on=date(2026, 11, 18),
        period=OCTOBER,
        seller=SELLER,
        buyer=given.buyer,
        lines=cloud(given.vat),
        payment=Transfer(IBAN),
        place=given.place,
        language=given.language,
        buyer_reference="CC-4711",
        order_number="PO-77",
        terms="Payable within 14 days without deduction.",
        exemption=WORDS.get(given.vat.category, ""),
    )


def credit_note(case: str = "domestic") -> Document:
    made = invoice(case, "P26-C001")
    return replace(
        made,
        kind=Kind.CREDIT_NOTE,
        lines=made.lines[:1],
        corrects=Reference("P26-1001", date(2026, 11, 4)),
        notes=("SLA credit for October 2026",),
    )


def credit_of_an_amount(case: str = "domestic") -> Document:
    """What is left of an invoice, of no line in particular."""
    made = credit_note(case)
    line = _line("Rest of invoice P26-1001", "1", "C62", "33.34", CASES[case].vat, group="")
    return replace(made, number="P26-C002", lines=(line,))


def credit_of_corrections(case: str = "domestic") -> Document:
    """Usage of September that was not; a tier that was reached because of it goes the other way."""
    vat, made = CASES[case].vat, credit_note(case)
    lines = (
        _line("Compute c2.medium", "12.5", "HUR", "0.05184", vat, period=SEPTEMBER, group=""),
        _line("Compute c2.medium", "-2.5", "HUR", "0.04925", vat, period=SEPTEMBER, group=""),
    )
    return replace(made, number="P26-C003", lines=lines, period=SEPTEMBER)


def with_corrections(case: str = "domestic") -> Document:
    return replace(invoice(case, "P26-1002"), lines=corrected(CASES[case].vat))


def with_allowance(case: str = "domestic") -> Document:
    credit = Allowance(Decimal("3.86"), "SLA credit for October 2026, 99.90 %", CASES[case].vat)
    return replace(invoice(case, "P26-1003"), allowances=(credit,))


def with_tiny_prices(case: str = "domestic") -> Document:
    return replace(invoice(case, "P26-1004"), lines=tiny(CASES[case].vat))


def by_direct_debit(case: str = "domestic") -> Document:
    mandate = DirectDebit("DE02120300000000202051", "M-2026-17", "DE98ZZZ09999999999")
    return replace(invoice(case, "P26-1005"), payment=mandate)


def paid_by_card(case: str = "domestic") -> Document:
    made = invoice(case, "P26-1006")
    card = Card("4242", "Erika Muster", "VISA")
    return replace(
        made, payment=card, paid=totals(made).gross, terms="Paid by card on 4 November 2026."
    )


def across_a_change_of_rates() -> Document:
    """Estonia raised its rate on 1 July 2025; June is corrected on July's invoice."""
    june, july = (Period(date(2025, m, 1), date(2025, m, last)) for m, last in ((6, 30), (7, 31)))
    old, new = Vat(Category.STANDARD, Decimal(22)), Vat(Category.STANDARD, Decimal(24))
    lines = (
        _line("Compute c2.medium", "744", "HUR", "0.05184", new, period=july),
        _line("Compute c2.medium", "12.5", "HUR", "0.05184", old, period=june),
    )
    address = Address("Viru väljak 2", "10111", "Tallinn", "EE")
    buyer = Party("M. Tamm", address, Endpoint("EM", "m.tamm@mail.example"))
    return replace(invoice(), buyer=buyer, place="EE", lines=lines, period=july, number="P25-1007")


SHAPES = {
    "invoice": invoice,
    "credit-note": credit_note,
    "credit-amount": credit_of_an_amount,
    "credit-corrections": credit_of_corrections,
    "corrections": with_corrections,
    "allowance": with_allowance,
    "tiny-prices": with_tiny_prices,
    "direct-debit": by_direct_debit,
    "paid-by-card": paid_by_card,
}


def long_invoice(lines: int) -> Document:
    vat = CASES["domestic"].vat
    made = tuple(
        _line(f"Compute c2.medium vm-{n}", str(700 + n % 44), "HUR", "0.05184", vat)
        for n in range(lines)
    )
    return replace(invoice(number=f"P26-L{lines}"), lines=made)
