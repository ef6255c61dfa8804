"""What the PDF shows: the buyer's language, and the figures of the XML."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from billing.einvoice import giro
from billing.einvoice.document import Category, Period, Transfer
from billing.einvoice.pages import exemption_words, page_of
from billing.einvoice.totals import totals
from tests.billing.einvoice import samples


@pytest.mark.parametrize(
    ("language", "heading", "total"),
    [
        ("en", "Invoice", "€\u202f111.35"),
        ("de", "Rechnung", "111,35\u00a0€"),
        ("fr", "Facture", "111,35\u00a0€"),
    ],
)
def test_words_and_figures_are_the_buyer_s(language, heading, total):
    page = page_of(replace(samples.invoice(), language=language))
    assert (page.heading, page.total[1], page.lang) == (heading, total, language)


def test_a_language_that_we_do_not_speak_is_english_in_words_and_figures():
    spoken = page_of(replace(samples.invoice(), language="nl-NL"))
    assert spoken == page_of(replace(samples.invoice(), language="en"))


def test_the_country_stands_in_an_address_abroad_only():
    assert page_of(samples.invoice("reverse-charge")).buyer[-1] == "France"
    assert page_of(samples.invoice()).buyer[-1] == "10115 Berlin"


def test_a_price_for_a_million_says_so():
    rows = page_of(replace(samples.with_tiny_prices(), language="en")).groups[0].rows
    assert [row.per for row in rows] == ["per 1,000,000", "per 1,000,000", "", ""]
    assert rows[2].price == "€\u202f0.000000137"


def test_a_correction_names_its_period_and_has_a_minus():
    row = page_of(replace(samples.with_corrections(), language="en")).groups[-1].rows[0]
    assert row.notes == ("Correction for September 2026", "September 2026")
    assert row.quantity == "\u221212.5\u00a0h"
    assert row.net == "\u2212€\u202f0.65"


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [
        (date(2026, 2, 1), date(2026, 2, 28), "February 2026"),
        (date(2026, 12, 1), date(2026, 12, 31), "December 2026"),
        (date(2026, 2, 1), date(2026, 2, 27), "1 Feb 2026\u00a0– 27 Feb 2026"),
        (date(2026, 1, 1), date(2026, 2, 28), "1 Jan 2026\u00a0– 28 Feb 2026"),
    ],
)
def test_a_whole_month_is_named(start, end, words):
    page = page_of(replace(samples.invoice(), language="en", period=Period(start, end)))
    assert ("Period", words) in page.facts


def test_why_no_vat_is_charged_is_said():
    document = replace(samples.invoice("reverse-charge"), exemption="Autoliquidation")
    assert page_of(document).remarks[0] == "Autoliquidation"
    assert "Art. 196" in page_of(samples.invoice("reverse-charge")).remarks[0]
    assert page_of(samples.invoice()).remarks == (samples.invoice().terms,)


@pytest.mark.parametrize(
    ("category", "language", "words"),
    [
        (Category.REVERSE_CHARGE, "fr", "Autoliquidation, art. 196 de la directive 2006/112/CE"),
        (Category.OUTSIDE, "en", "Not subject to EU VAT, Art. 44 and 59 Directive 2006/112/EC"),
        (Category.STANDARD, "de", ""),
    ],
)
def test_the_words_for_it_are_the_buyer_s(category, language, words):
    assert exemption_words(category, language) == words


def test_outside_of_vat_the_buyer_s_number_is_not_shown():
    values = [value for _, value in page_of(samples.invoice("outside")).facts]
    assert samples.SWISS.vat_id not in values


def test_a_credit_note_asks_for_nothing():
    page = page_of(replace(samples.credit_note(), language="en"))
    assert (page.payment, page.qr) == ((), "")
    assert page.total[0] == "Credited to you"
    assert [label for label, _ in page.figures] == ["Credited to you", "Net amount", "VAT"]


def test_what_is_paid_asks_for_nothing():
    page = page_of(replace(samples.paid_by_card(), language="en"))
    assert page.qr == ""
    assert page.total == ("To pay", "€\u202f0.00")
    assert page.payment[0] == ("Card", "VISA •••• 4242")


# -- the code for the bank's app -------------------------------------------------------------------


def test_the_code_fills_in_a_transfer():
    document = replace(samples.invoice(), payment=Transfer(samples.IBAN, "COBADEFFXXX"))
    assert giro.text(document, totals(document)).split("\n") == [
        "BCD",
        "002",
        "1",
        "SCT",
        "COBADEFFXXX",
        "Polder Cloud GmbH",
        "DE89370400440532013000",
        "EUR111.35",
        "",
        "",
        "P26-1001",
    ]


@pytest.mark.parametrize(
    "document",
    [
        samples.credit_note(),
        samples.paid_by_card(),
        samples.by_direct_debit(),
        replace(samples.invoice(), currency="CHF"),
        replace(samples.invoice(), paid=Decimal("111.35")),
    ],
)
def test_where_there_is_nothing_to_transfer_there_is_no_code(document):
    assert giro.drawing(document, totals(document)) == ""
