"""Prices as people read them."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.utils.translation import override

from billing.formats import money
from billing.pricebook import texts
from billing.pricebook.meters import FREE_FOR, METERS, UNITS
from billing.pricebook.pricing import Rate, quote
from billing.vat import decisions as vat
from portal.kernel.money import Money


@pytest.mark.parametrize(
    ("amount", "places", "language", "shown"),
    [
        ("1234.5", 2, "en-gb", "€\u202f1,234.50"),
        ("1234.5", 2, "de", "1.234,50\u00a0€"),
        ("1234.5", 2, "fr", "1\u202f234,50\u00a0€"),
        ("0.12832", 4, "de", "0,1283\u00a0€"),
        ("-3.5", 0, "de", "\u22124\u00a0€"),
        ("-3.5", 2, "en-gb", "\u2212€\u202f3.50"),
        ("-0.001", 2, "fr", "0,00\u00a0€"),
        ("0.12832", 4, "en-gb", "€\u202f0.1283"),
        ("0.005", 2, "en-gb", "€\u202f0.01"),
        ("0", 2, "en-gb", "€\u202f0.00"),
        ("1234567.894", 2, "en-gb", "€\u202f1,234,567.89"),
    ],
)
def test_money(amount, places, language, shown):
    with override(language):
        assert money(Money(Decimal(amount)), places) == shown
        assert money(Decimal(amount), places) == shown


def test_money_in_another_currency_and_none():
    assert money(Money(Decimal(5), "CHF")) == "CHF\u202f5.00"
    assert money(Money(Decimal(5), "SEK")) == "SEK\u202f5.00"
    assert money(None) == "—"


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("vat-provider", "VAT 21 % (NL, the provider's country)"),
        ("vat-small-seller", "VAT 21 % (NL, the provider's country)"),
        ("vat-domestic", "VAT 21 % (NL)"),
        ("vat-buyer-country", "VAT 21 % (NL, your country)"),
        ("vat-reverse-charge", "No VAT: reverse charge (NL)"),
        ("vat-outside-union", "No VAT: outside the Union's VAT (NL)"),
        ("vat-outside-seller", "No VAT: abroad (NL)"),
    ],
)
def test_vat_says_whose_it_is(code, shown):
    assert texts.vat_label(vat.VatRate(Decimal("21.00"), "NL", code)) == shown


def test_vat_notes_that_the_id_is_not_confirmed():
    assert texts.vat_note(vat.VatRate(Decimal(21), "NL")) == ""
    assert "not yet confirmed" in texts.vat_note(
        vat.VatRate(Decimal(21), "NL", "", "vat-id-unconfirmed")
    )


def test_lines_say_how_much_of_what_on_how_many_nodes():
    rates = {"memory_gib": Rate("memory_gib", Decimal("0.00792"), "pr-1")}
    at, none = datetime(2026, 11, 25, tzinfo=UTC), vat.VatRate(Decimal(0), "NL")
    (one,) = quote({"memory_gib": Decimal("0.5")}, rates, vat=none, at=at).lines
    (three,) = quote({"memory_gib": Decimal(24)}, rates, vat=none, at=at, nodes=3).lines
    assert texts.line_label(one) == "0.5 GiB of memory"
    assert texts.line_label(three) == "8 GiB of memory on each of 3 nodes"


@pytest.mark.parametrize(
    ("quantity", "unit", "shown"),
    [
        ("2920", "hour", "2,920 h"),
        ("0.50", "million", "0.5 million"),
        ("3", "month", "3 × month"),
        ("4", "thousand", "4 × 1,000"),
    ],
)
def test_a_quantity_has_a_symbol_or_a_word_that_needs_no_plural(quantity, unit, shown):
    assert texts.measured(Decimal(quantity), unit) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [("1024", "1,024"), ("0.50", "0.5"), ("0.0000033", "0.0000033"), ("100", "100")],
)
def test_numbers_keep_their_digits(value, shown):
    assert texts.number(Decimal(value)) == shown


def test_every_code_has_a_word_and_an_unknown_one_stays_itself():
    assert all(texts.meter_label(code) for code in METERS)
    assert all(texts.unit_label(code) for code in UNITS)
    assert all(texts.free_label(code) for code in FREE_FOR)
    assert {m.unit for m in METERS.values()} <= set(UNITS)
    assert texts.meter_label("cpu_of_tomorrow") == "cpu_of_tomorrow"
