"""Each of our own checks finds what it is for. Those that were measured against the standards'
rules are in mutations.py; these are the others.
"""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from billing.einvoice.checks import is_iban, own_findings
from billing.einvoice.document import (
    Address,
    Allowance,
    Category,
    DirectDebit,
    Endpoint,
    Period,
    Vat,
)
from tests.billing.einvoice import samples

DOMESTIC, CONSUMER = samples.invoice(), samples.invoice("consumer")
REVERSE, OUTSIDE = samples.invoice("reverse-charge"), samples.invoice("outside")
S, AE, O = (Category.STANDARD, Category.REVERSE_CHARGE, Category.OUTSIDE)  # noqa: E741
FREE = Vat(O, Decimal(0))


def with_vat(document, vat, **changes):
    lines = tuple(replace(line, vat=vat) for line in document.lines)
    return replace(document, lines=lines, **changes)


def with_line(**changes):
    return replace(DOMESTIC, lines=(replace(DOMESTIC.lines[0], **changes),))


def with_allowance(amount="1", reason="SLA", vat=DOMESTIC.lines[0].vat):
    return replace(DOMESTIC, allowances=(Allowance(Decimal(amount), reason, vat),))


def at(document, country, postcode):
    """The buyer has moved."""
    there = Address("Street 1", postcode, "Town", country)
    return replace(document, buyer=replace(document.buyer, address=there))


WRONG = {
    "amount-digits": [with_line(net=Decimal("38.571"))],
    "lines-missing": [replace(DOMESTIC, lines=())],
    "line-base": [with_line(base_quantity=Decimal(0)), with_line(base_quantity=Decimal(-1))],
    "line-period": [with_line(period=Period(date(2026, 10, 2), date(2026, 10, 1)))],
    "payable-negative": [replace(DOMESTIC, paid=Decimal(5000))],
    "allowance-amount": [with_allowance("0"), with_allowance("-1")],
    "allowance-reason": [with_allowance(reason="")],
    "allowance-vat": [with_allowance(vat=Vat(S, Decimal(7)))],
    "vat-place": [
        replace(CONSUMER, place="FR"),
        with_vat(DOMESTIC, FREE),
        with_vat(CONSUMER, FREE),
        with_vat(OUTSIDE, DOMESTIC.lines[0].vat, place="DE"),
        with_vat(DOMESTIC, Vat(AE, Decimal(0))),
        # Büsingen is Germany, and outside of the Union's VAT.
        at(DOMESTIC, "DE", "78266"),
    ],
    "vat-rate": [
        with_vat(DOMESTIC, Vat(S, Decimal(7))),
        with_vat(CONSUMER, Vat(S, Decimal(19))),
        with_vat(CONSUMER, Vat(S, Decimal(21)), place="DE"),
        # Finland had another rate before September 2024.
        replace(
            at(with_vat(CONSUMER, Vat(S, Decimal("25.5"))), "FI", "00100"),
            place="FI",
            lines=tuple(
                replace(
                    x,
                    vat=Vat(S, Decimal("25.5")),
                    period=Period(date(2024, 8, 1), date(2024, 8, 31)),
                )
                for x in CONSUMER.lines
            ),
        ),
    ],
    "vat-reverse-charge": [
        replace(CONSUMER, buyer=replace(CONSUMER.buyer, vat_id="NL00449544B01"))
    ],
    "vat-buyer": [replace(REVERSE, buyer=replace(REVERSE.buyer, vat_id="40303265045"))],
    "number-missing": [replace(DOMESTIC, number="")],
    "seller-registration": [replace(OUTSIDE, seller=replace(OUTSIDE.seller, registration=""))],
    "endpoint": [replace(DOMESTIC, buyer=replace(DOMESTIC.buyer, endpoint=Endpoint("EM", "")))],
    "mandate": [replace(DOMESTIC, payment=DirectDebit(samples.IBAN, "", "DE98ZZZ09999999999"))],
    "due-date": [
        replace(DOMESTIC, terms=""),
        replace(DOMESTIC, due_on=date(2026, 11, 3)),
    ],
}


@pytest.mark.parametrize(
    ("code", "document"), [(code, d) for code, found in WRONG.items() for d in found]
)
def test_it_is_found(code, document):
    assert code in {finding.code for finding in own_findings(document)}


RIGHT = {
    "below the threshold the seller's rate": with_vat(CONSUMER, Vat(S, Decimal(19)), place="DE"),
    "the Canaries are outside": at(with_vat(OUTSIDE, FREE, place="ES"), "ES", "35001"),
    "Monaco counts as France": at(
        with_vat(CONSUMER, Vat(S, Decimal(20)), place="FR"), "MC", "98000"
    ),
    "Madeira has a rate of its own": at(
        with_vat(CONSUMER, Vat(S, Decimal(22)), place="PT"), "PT", "9000-001"
    ),
    "nothing is due": replace(samples.paid_by_card(), terms="", due_on=None),
}


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_right_passes(name):
    assert own_findings(RIGHT[name]) == []


@pytest.mark.parametrize("iban", ["DE89 3704 0044 0532 0130 00", "NO9386011117947"])
def test_an_iban(iban):
    assert is_iban(iban)


@pytest.mark.parametrize("iban", ["", "DE8937040044053201300", "DE89", "ÄÖ89370400440532013000"])
def test_no_iban(iban):
    assert not is_iban(iban)
