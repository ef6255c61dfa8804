"""Who pays which value-added tax, and what keeps an invoice from being issued."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing.vat.decisions import Buyer, Proof, Seller, decide, is_foreign, vat_state_of
from billing.vat.rates import BEGIN, rate_on
from billing.vat.territories import UNION, countries, fits, place_of, same_country

TODAY = date(2026, 11, 26)
NL = Seller("NL", "1012AB", "NL004495445B01")
DE_ID, FR_ID, NL_ID, XI_ID = "DE136695976", "FR40303265045", "NL004495445B01", "XI980780684"


def proofs(*found):
    """(kind, country) each."""
    at = datetime(2026, 11, 1, tzinfo=UTC)
    return tuple(Proof(kind, country, "a test", at) for kind, country in found)


def both(country):
    return proofs(("address", country), ("bank", country))


def decided(buyer, seller=NL, on=TODAY, passed=True):
    found = decide(seller, buyer, on, passed)
    return found.category, f"{found.percent:f}", found.country, found.reason


CASES = {
    "business at home": (Buyer("NL", vat_id=NL_ID, vat_id_state="plausible"), "S 21 NL domestic"),
    "consumer at home": (Buyer("NL", kind="consumer", proofs=both("NL")), "S 21 NL domestic"),
    "confirmed abroad": (
        Buyer("DE", "10115", vat_id=DE_ID, vat_id_state="confirmed"),
        "AE 0 DE reverse-charge",
    ),
    "approved abroad": (
        Buyer("DE", "10115", vat_id=DE_ID, vat_id_state="approved"),
        "AE 0 DE reverse-charge",
    ),
    "only plausible": (
        Buyer("DE", "10115", vat_id=DE_ID, vat_id_state="plausible"),
        "S 19 DE buyer-country",
    ),
    "no VAT id": (Buyer("DE", "10115"), "S 19 DE buyer-country"),
    "consumer abroad": (Buyer("FI", "00100", "consumer"), "S 25.5 FI buyer-country"),
    "consumer with a VAT id": (
        Buyer("DE", "10115", "consumer", DE_ID, "confirmed"),
        "S 19 DE buyer-country",
    ),
    "Greece is EL": (
        Buyer("GR", "10431", vat_id="EL094259216", vat_id_state="confirmed"),
        "AE 0 GR reverse-charge",
    ),
    "Monaco as France": (Buyer("MC", "98000", "consumer"), "S 20 FR buyer-country"),
    "Monaco with a French id": (
        Buyer("MC", "98000", vat_id=FR_ID, vat_id_state="confirmed"),
        "AE 0 FR reverse-charge",
    ),
    "Monaco written as France": (Buyer("FR", "98000", "consumer"), "S 20 FR buyer-country"),
    "Switzerland": (Buyer("CH", "8001", registration_number="CHE-1"), "O 0 CH outside-union"),
    "Norway": (Buyer("NO", "0150"), "O 0 NO outside-union"),
    "Great Britain": (Buyer("GB", "SW1A 1AA"), "O 0 GB outside-union"),
    "Northern Ireland": (
        Buyer("GB", "BT1 5GS", vat_id=XI_ID, vat_id_state="confirmed"),
        "O 0 GB outside-union",
    ),
    "United States": (Buyer("US", "10001", "consumer"), "O 0 US outside-union"),
    "Canaries": (Buyer("ES", "35001", "consumer"), "O 0 ES outside-union"),
    "Tenerife": (Buyer("ES", "38001"), "O 0 ES outside-union"),
    "Ceuta": (Buyer("ES", "51001"), "O 0 ES outside-union"),
    "Melilla": (Buyer("ES", "52001"), "O 0 ES outside-union"),
    "Balearics": (Buyer("ES", "07001"), "S 21 ES buyer-country"),
    "Åland by postcode": (Buyer("FI", "22100"), "O 0 FI outside-union"),
    "Åland by country": (Buyer("AX", "22100"), "O 0 AX outside-union"),
    "Büsingen": (Buyer("DE", "78266"), "O 0 DE outside-union"),
    "Heligoland": (Buyer("DE", "D-27498"), "O 0 DE outside-union"),
    "Livigno": (Buyer("IT", "23041"), "O 0 IT outside-union"),
    "Campione": (Buyer("IT", "22061"), "O 0 IT outside-union"),
    "Athos": (Buyer("GR", "630 86"), "O 0 GR outside-union"),
    "Réunion by postcode": (Buyer("FR", "97400"), "O 0 FR outside-union"),
    "Réunion by country": (Buyer("RE", "97400"), "O 0 RE outside-union"),
    "Greenland": (Buyer("GL", "3900"), "O 0 GL outside-union"),
    "Madeira": (Buyer("PT", "9000-018", "consumer"), "S 22 PT buyer-country"),
    "Azores": (Buyer("PT", "9500-150", "consumer"), "S 16 PT buyer-country"),
    "Lisbon": (Buyer("PT", "1100-148", "consumer"), "S 23 PT buyer-country"),
    "nothing known": (Buyer(), "S 21 NL domestic"),
}


@pytest.mark.parametrize("name", CASES)
def test_the_table(name):
    buyer, wanted = CASES[name]
    assert " ".join(decided(buyer)) == wanted


def test_below_the_threshold_the_seller_s_rate_holds_for_whoever_is_no_taxable_person():
    assert decided(Buyer("DE"), passed=False) == ("S", "21", "NL", "small-seller")
    business = Buyer("DE", vat_id=DE_ID, vat_id_state="confirmed")
    assert decided(business, passed=False)[0] == "AE"
    assert decided(Buyer("CH"), passed=False)[0] == "O"


def test_the_provider_s_own_rate_holds_at_home_and_nowhere_else():
    own = replace(NL, percent=Decimal("20.5"))
    assert decided(Buyer("NL"), own)[1] == "20.5"
    assert decided(Buyer("DE"), own, passed=False)[1] == "20.5"
    assert decided(Buyer("DE"), own)[1] == "19"


def test_a_seller_in_lisbon_sells_to_the_azores_at_their_rate():
    lisbon = Seller("PT", "1100-148", percent=Decimal(23))
    assert decided(Buyer("PT", "9500-150"), lisbon) == ("S", "16", "PT", "domestic")


def test_a_german_seller_sells_to_busingen_without_vat():
    assert decided(Buyer("DE", "78266"), Seller("DE", "10115"))[0] == "O"


def test_a_seller_outside_the_union():
    swiss = Seller("CH", "8001", percent=Decimal("8.1"))
    assert decided(Buyer("CH", "3011"), swiss) == ("S", "8.1", "CH", "domestic")
    assert decided(Buyer("US"), swiss) == ("O", "0", "US", "outside-seller")
    business = Buyer("DE", vat_id=DE_ID, vat_id_state="confirmed")
    assert decided(business, swiss)[3] == "outside-seller"
    assert decided(Buyer("DE", kind="consumer"), swiss) == ("S", "19", "DE", "buyer-country")
    assert decided(Buyer("DE", kind="consumer"), swiss, passed=False)[0] == "O"
    with pytest.raises(LookupError):
        decide(replace(swiss, percent=None), Buyer("CH"), TODAY, True)


# -- notes and faults ------------------------------------------------------------------------------

DE = Buyer("DE", "10115")
UNPROVED = replace(DE, vat_id=DE_ID, vat_id_state="plausible")
US = Buyer("US", "10001", "consumer")


@pytest.mark.parametrize(
    ("buyer", "notes"),
    [
        (DE, ()),
        (UNPROVED, ("vat-id-unconfirmed",)),
        (replace(UNPROVED, vat_id_state="confirmed"), ()),
        (Buyer("NL", vat_id=NL_ID, vat_id_state="plausible"), ()),
        (US, ("local-tax-may-be-due",)),
        (replace(US, kind="business"), ()),
    ],
)
def test_notes(buyer, notes):
    assert decide(NL, buyer, TODAY, True).notes == notes


@pytest.mark.parametrize(
    ("buyer", "faults"),
    [
        (Buyer(), ("address-missing",)),
        (DE, ("location-proof-missing",)),
        (replace(DE, proofs=proofs(("address", "DE"))), ("location-proof-missing",)),
        (
            replace(DE, proofs=proofs(("address", "DE"), ("address", "DE"))),
            ("location-proof-missing",),
        ),
        (replace(DE, proofs=both("DE")), ()),
        (
            replace(DE, proofs=proofs(("address", "DE"), ("bank", "PL"))),
            ("location-contradictory",),
        ),
        (replace(DE, proofs=(*both("DE"), *proofs(("phone", "PL")))), ("location-contradictory",)),
        (replace(UNPROVED, proofs=both("DE")), ()),
        (replace(UNPROVED, vat_id_state="confirmed"), ()),
        # with reverse charge the VAT id decides, wherever the bank is
        (replace(UNPROVED, vat_id_state="confirmed", proofs=proofs(("bank", "PL"))), ()),
        (
            replace(UNPROVED, vat_id=FR_ID, vat_id_state="confirmed", proofs=both("DE")),
            ("vat-id-of-another-country",),
        ),
        (replace(UNPROVED, vat_id=FR_ID, vat_id_state="approved"), ()),
        (Buyer("NL", vat_id=DE_ID, vat_id_state="plausible"), ("vat-id-of-another-country",)),
        (Buyer("NL", proofs=proofs(("bank", "DE"))), ()),
        (
            Buyer("NL", kind="consumer", proofs=proofs(("address", "NL"), ("bank", "DE"))),
            ("location-contradictory",),
        ),
        (Buyer("NL", kind="consumer", proofs=proofs(("address", "NL"))), ()),
        (US, ("location-proof-missing",)),
        (replace(US, proofs=both("US")), ()),
        (replace(US, kind="business"), ("location-proof-missing",)),
        (replace(US, kind="business", registration_number="4711"), ()),
        (
            Buyer("US", registration_number="4711", proofs=proofs(("bank", "NL"))),
            ("location-contradictory",),
        ),
        (Buyer("GB", "BT1 5GS", vat_id=XI_ID, vat_id_state="plausible"), ()),
        (Buyer("AX", "22100", "consumer", proofs=proofs(("address", "AX"), ("bank", "FI"))), ()),
    ],
)
def test_faults(buyer, faults):
    assert decide(NL, buyer, TODAY, True).faults == faults


def test_below_the_threshold_no_proof_is_needed_and_none_may_contradict():
    assert decide(NL, DE, TODAY, False).faults == ()
    torn = replace(DE, proofs=proofs(("address", "DE"), ("bank", "PL")))
    assert decide(NL, torn, TODAY, False).faults == ("location-contradictory",)


def test_the_evidence_says_what_the_decision_rests_on():
    buyer = replace(
        UNPROVED, vat_id_state="confirmed", vat_id_proof={"number": "W1"}, proofs=both("DE")
    )
    evidence = decide(NL, buyer, TODAY, True).evidence
    assert evidence["on"] == "2026-11-26"
    assert evidence["vat_id"] == {
        "number": DE_ID,
        "state": "confirmed",
        "proof": {"number": "W1"},
    }
    assert [proof["kind"] for proof in evidence["proofs"]] == ["address", "bank"]
    assert evidence["rate"] is None
    rated = decide(NL, DE, TODAY, True).evidence["rate"]
    assert rated == {"percent": "19", "since": "2024-01-01", "source": "TEDB 2026-09-23"}


# -- over everything -------------------------------------------------------------------------------

BUYERS = st.builds(
    Buyer,
    country=st.sampled_from(sorted(countries() | {"", "ZZ"})),
    postcode=st.sampled_from(["", "35001", "22100", "97400", "9500-150", "BT1 5GS", "1012 AB"]),
    kind=st.sampled_from(["business", "consumer"]),
    vat_id=st.sampled_from(["", DE_ID, FR_ID, XI_ID, "995525828MVA"]),
    vat_id_state=st.sampled_from(["none", "plausible", "confirmed", "approved"]),
    registration_number=st.sampled_from(["", "4711"]),
    proofs=st.sampled_from([(), both("DE"), both("US"), proofs(("address", "NL"))]),
)
SELLERS = st.sampled_from([NL, Seller("DE"), Seller("CH", percent=Decimal("8.1"))])


@settings(suppress_health_check=[HealthCheck.too_slow])  # a busy machine is no fault
@given(SELLERS, BUYERS, st.booleans())
def test_there_is_always_one_decision_and_it_is_lawful(seller, buyer, passed):
    found = decide(seller, buyer, TODAY, passed)
    assert (found.category == "S") == (found.percent > 0)
    assert (found.exemption == "") == (found.category == "S")
    assert found.category != "AE" or (buyer.vat_id and buyer.vat_id_state in SURE)
    assert found.category != "AE" or buyer.kind == "business"
    assert found.category != "S" or found.country in {*UNION, seller.country}


SURE = {"confirmed", "approved"}


@pytest.mark.parametrize("country", sorted(countries()))
def test_every_country_is_decided(country):
    found = decide(NL, Buyer(country, kind="consumer"), TODAY, True)
    assert (found.category == "S") == (country in {*UNION, "MC"})


def test_countries_are_those_of_iso_3166():
    assert len(countries()) == 250  # 249 and Kosovo
    assert countries() >= UNION | {"MC", "GB", "XK", "AX"}
    assert len(UNION) == 27


# -- rates and places ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "on", "percent"),
    [
        ("FI", date(2024, 8, 31), "24"),
        ("FI", date(2024, 9, 1), "25.5"),
        ("SK", date(2024, 12, 31), "20"),
        ("SK", date(2025, 1, 1), "23"),
        ("EE", date(2025, 6, 30), "22"),
        ("EE", date(2025, 7, 1), "24"),
        ("RO", date(2025, 7, 31), "19"),
        ("RO", date(2025, 8, 1), "21"),
        ("HU", date(2026, 11, 26), "27"),
        ("LU", date(2026, 11, 26), "17"),
    ],
)
def test_a_rate_begins_on_its_day(state, on, percent):
    assert rate_on(state, on).percent == Decimal(percent)


def test_every_member_state_has_a_rate_and_nobody_else():
    assert all(Decimal(15) <= rate_on(state, BEGIN).percent <= Decimal(27) for state in UNION)
    for wrong in ("CH", "XX", ""):
        with pytest.raises(LookupError):
            rate_on(wrong, TODAY)
    with pytest.raises(LookupError):
        rate_on("NL", date(2023, 12, 31))


def test_an_unknown_part_of_a_state_has_the_state_s_rate():
    assert rate_on("PT", TODAY, "algarve") == rate_on("PT", TODAY)


@pytest.mark.parametrize(
    ("country", "postcode", "good"),
    [
        ("DE", "10115", True),
        ("DE", "D-10115", True),
        ("DE", "1011", False),
        ("ES", "", False),
        ("NL", "1012 AB", True),
        ("PT", "9500", True),
        ("PT", "9500-150", True),
        ("PT", "95001", False),
        ("IE", "D02 X285", True),
        ("US", "", True),
    ],
)
def test_postcodes_have_their_digits(country, postcode, good):
    assert fits(country, postcode) is good


def test_places_that_belong_together_do_not_contradict():
    assert same_country("AX", "FI")
    assert same_country("RE", "FR")
    assert same_country("MC", "FR")
    assert not same_country("DE", "AT")
    assert place_of("FR", "75001").state == "FR"


@pytest.mark.parametrize(
    ("vat_id", "state"),
    [
        (DE_ID, "DE"),
        ("EL094259216", "GR"),
        (XI_ID, "GB"),
        ("995525828MVA", ""),
        ("DE136695977", ""),
        ("ATX850101XX1", ""),
        ("", ""),
    ],
)
def test_whose_a_vat_id_is(vat_id, state):
    assert vat_state_of(vat_id) == state


def test_a_foreign_vat_id():
    assert is_foreign(DE_ID, "FR")
    assert not is_foreign(FR_ID, "MC")
    assert not is_foreign("995525828MVA", "NO")
