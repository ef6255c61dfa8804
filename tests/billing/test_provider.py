"""The provider as a seller: what is wrong with it, and what is missing."""

from datetime import date
from decimal import Decimal

import pytest
from django.core.exceptions import ImproperlyConfigured

from billing.checks import check_provider
from billing.identity import provider
from portal.conf import seller

TODAY = date(2026, 11, 26)
WHOLE = {
    "legal_name": "Polder Cloud B.V.",
    "street": "Dijk 1",
    "postcode": "1012AB",
    "city": "Amsterdam",
    "vat_id": "NL004495445B01",
    "registration": "12345678",
    "iban": "NL91ABNA0417164300",
    "bic": "ABNANL2A",
    "contact_name": "Billing",
    "contact_phone": "+31 20 123 45 67",
    "contact_email": "billing@polder.example",
    "electronic_address": "0106:12345678",
}


@pytest.fixture(autouse=True)
def whole(settings):
    settings.POLDER_PROVIDER = dict(WHOLE)
    settings.POLDER_DEMO = False


def found():
    return {message.id: message.msg for message in check_provider()}


def test_a_whole_identity_has_no_faults():
    assert found() == {}
    assert provider.missing() == []
    told = provider.provider().as_json()
    assert (told["electronic_scheme"], told["electronic_address"]) == ("0106", "12345678")
    assert (told["country"], told["payment_days"]) == ("NL", 14)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("vat_id", "NL004495446B01", "POLDER_PROVIDER_VAT_ID"),
        ("vat_id", "004495445B01", "POLDER_PROVIDER_VAT_ID"),
        ("iban", "NL91ABNA0417164301", "POLDER_PROVIDER_IBAN"),
        ("electronic_address", "12345678", "SCHEME:ADDRESS"),
        ("electronic_address", "0106:1", "no address of its scheme"),
    ],
)
def test_what_is_wrong_stops_the_start_with_the_variable_s_name(field, value, said, settings):
    settings.POLDER_PROVIDER = WHOLE | {field: value}
    assert said in found()["billing.E003"]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("POLDER_PROVIDER_COUNTRY", "XX", "POLDER_PROVIDER_COUNTRY"),
        ("POLDER_PROVIDER_VAT_PERCENT", Decimal(0), "POLDER_PROVIDER_VAT_PERCENT"),
        ("POLDER_PAYMENT_DAYS", -1, "POLDER_PAYMENT_DAYS"),
    ],
)
def test_wrong_numbers_and_countries(name, value, said, settings):
    setattr(settings, name, value)
    assert said in found()["billing.E003"]


def test_outside_the_union_the_rate_must_be_said(settings):
    settings.POLDER_PROVIDER_COUNTRY = "CH"
    settings.POLDER_PROVIDER = WHOLE | {"vat_id": ""}
    assert "say the rate" in found()["billing.E003"]
    settings.POLDER_PROVIDER_VAT_PERCENT = Decimal("8.1")
    assert set(found()) == {"billing.W001"}


def test_what_is_missing_is_a_warning_and_none_for_a_demonstration(settings):
    settings.POLDER_PROVIDER = WHOLE | {"iban": "", "street": ""}
    assert "POLDER_PROVIDER_STREET, POLDER_PROVIDER_IBAN" in found()["billing.W001"]
    settings.POLDER_DEMO = True
    assert found() == {}


def test_a_rate_that_is_not_the_table_s_is_a_warning(settings):
    settings.POLDER_PROVIDER_VAT_PERCENT = Decimal(19)
    assert "is 19, the rate of NL is 21" in found()["billing.W002"]
    settings.POLDER_PROVIDER_VAT_PERCENT = Decimal("21.0")
    assert found() == {}


def test_every_field_has_a_label_and_a_variable():
    for name in provider.provider().as_json():
        assert provider.label(name)
        assert provider.variable(name).startswith("POLDER_")


def test_the_environment_is_read_by_name(monkeypatch):
    values = {"POLDER_PROVIDER_IBAN": " NL91ABNA0417164300 ", "POLDER_X": "21,5", "POLDER_Y": "21"}
    monkeypatch.setattr("portal.conf.environment._VALUES", values)
    assert seller.identity("POLDER_PROVIDER")["iban"] == "NL91ABNA0417164300"
    assert seller.identity("POLDER_PROVIDER")["city"] == ""
    assert seller.percent("POLDER_Y") == 21
    assert seller.percent("POLDER_Z") is None
    with pytest.raises(ImproperlyConfigured, match="POLDER_X"):
        seller.percent("POLDER_X")
