"""What is written: the same bytes each time, numbers that XML can read, and nothing lost."""

from dataclasses import replace
from decimal import Decimal

import pytest

from billing.einvoice.document import Transfer, priced
from billing.einvoice.profiles import Profile, build, profiles_for
from billing.einvoice.reading import differences
from tests.billing.einvoice import samples


@pytest.mark.parametrize("profile", Profile)
@pytest.mark.parametrize("shape", samples.SHAPES)
@pytest.mark.parametrize("case", samples.CASES)
def test_it_reads_back_as_it_was(case, shape, profile):
    document = samples.SHAPES[shape](case)
    assert differences(document, build(document, profile)) == []


@pytest.mark.parametrize("profile", Profile)
def test_the_same_document_gives_the_same_bytes(profile):
    assert build(samples.invoice(), profile) == build(samples.invoice(), profile)


@pytest.mark.parametrize("profile", Profile)
def test_no_number_has_an_exponent(profile):
    vat = samples.CASES["domestic"].vat
    line = priced(
        "Tokens",
        quantity=Decimal("1E+9"),
        unit="C62",
        unit_price=Decimal("1.37E-7"),
        vat=vat,
        period=samples.OCTOBER,
    )
    xml = build(replace(samples.invoice(), lines=(line,)), profile)
    assert b"0.000000137" in xml
    assert b"1000000000" in xml


def test_a_credit_note_has_a_root_of_its_own_in_ubl():
    xml = build(samples.credit_note(), Profile.PEPPOL)
    assert b"<CreditNote " in xml
    assert b"CreditedQuantity" in xml
    assert b"<cbc:DueDate>" not in xml


def test_consumers_get_no_peppol():
    assert Profile.PEPPOL not in profiles_for(samples.invoice("consumer"))
    assert set(profiles_for(samples.invoice())) == set(Profile)


@pytest.mark.parametrize("profile", Profile)
def test_outside_of_vat_no_number_of_it_is_written(profile):
    xml = build(samples.invoice("outside"), profile).decode()
    found = [n for n in (samples.SELLER.vat_id, samples.SWISS.vat_id) if f">{n}<" in xml]
    # Only as the address of the seller in the network, where that is what the scheme means.
    assert found == [samples.SELLER.vat_id]
    assert xml.count(f">{samples.SELLER.vat_id}<") == 1


@pytest.mark.parametrize("profile", Profile)
def test_the_bank_is_named_where_it_is_known(profile):
    document = replace(samples.invoice(), payment=Transfer(samples.IBAN, "COBADEFFXXX"))
    assert b"COBADEFFXXX" in build(document, profile)


@pytest.mark.parametrize("profile", Profile)
def test_a_period_covers_what_is_corrected_in_it(profile):
    xml = build(samples.with_corrections(), profile).decode().replace("-", "")
    assert "20260901" in xml


@pytest.mark.parametrize("profile", Profile)
def test_what_xml_cannot_say_is_left_out(profile):
    buyer = replace(samples.GERMAN, name="Muster\x00 <AG> & Söhne\x0b")
    xml = build(replace(samples.invoice(), buyer=buyer), profile).decode()
    assert "Muster &lt;AG&gt; &amp; Söhne" in xml
