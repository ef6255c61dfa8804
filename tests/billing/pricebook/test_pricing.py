"""What a plan costs, against sums done by hand from the price list."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal, Inexact

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.pricebook.pricing import Rate, quantities, quote, quote_plan
from billing.vat.decisions import VatRate
from portal.kernel.money import Money
from services import registry
from services.spec import Plan

AT = datetime(2026, 11, 25, tzinfo=UTC)
NL = VatRate(Decimal(21), "NL")
POSTGRESQL = {
    "vcpu": Rate("vcpu", Decimal("0.02592"), "pr-vcpu"),
    "memory_gib": Rate("memory_gib", Decimal("0.00792"), "pr-memory"),
    "storage_gib": Rate("storage_gib", Decimal("0.000164"), "pr-storage"),
}


def euro(text: str) -> Money:
    return Money(Decimal(text))


def postgresql(plan: Plan):
    return quote_plan(registry.get("postgresql").offering, plan, POSTGRESQL, vat=NL, at=AT)


def test_two_vcpu_eight_gib_without_disk_is_the_listed_example():
    plan = Plan("single-2x8", vcpu=Decimal(2), memory_mib=8192, storage_gib=0)
    assert postgresql(plan).hourly == euro("0.1152")


def test_two_vcpu_eight_gib_with_its_disk():
    plan = Plan("single-2x8", vcpu=Decimal(2), memory_mib=8192, storage_gib=80)
    found = postgresql(plan)
    by_meter = {line.meter: line for line in found.lines}
    assert by_meter["vcpu"].hourly == euro("0.05184")  # 2 × 0.02592
    assert by_meter["memory_gib"].hourly == euro("0.06336")  # 8 × 0.00792
    assert by_meter["storage_gib"].hourly == euro("0.01312")  # 80 × 0.000164
    assert found.hourly == euro("0.12832")
    assert found.monthly == euro("93.6736")  # × 730
    assert found.monthly_vat == euro("19.671456")  # × 0.21
    assert found.monthly_gross == euro("113.345056")
    assert found.hourly_gross == euro("0.1552672")
    assert found.price_ids == ("pr-vcpu", "pr-memory", "pr-storage")


def test_a_plan_counts_each_of_its_nodes():
    plan = Plan("ha-2x8", vcpu=Decimal(2), memory_mib=8192, storage_gib=80, nodes=3)
    found = postgresql(plan)
    assert found.hourly == euro("0.38496")  # 3 × 0.12832
    assert {line.nodes for line in found.lines} == {3}


def test_a_control_plane_is_charged_once_whatever_the_workers():
    rates = {**POSTGRESQL, "control_plane": Rate("control_plane", Decimal("0.0864"), "pr-control")}
    offering = registry.get("kubernetes").offering
    plan = Plan("ha-2x8", vcpu=Decimal(2), memory_mib=8192, storage_gib=80, nodes=3)
    found = quote_plan(offering, plan, rates, vat=NL, at=AT)
    assert found.hourly == euro("0.47136")  # 3 × 0.12832 + 0.0864
    assert (found.lines[-1].meter, found.lines[-1].nodes) == ("control_plane", 1)


def test_what_is_counted_by_use_costs_nothing_while_it_is_held():
    offering = registry.get("serverless-containers").offering
    found = quote_plan(offering, offering.plans[0], {}, vat=NL, at=AT)
    assert (found.lines, found.hourly) == ((), euro("0"))


def test_part_of_a_gib_is_charged_as_a_part():
    plan = Plan("dev-05x1", vcpu=Decimal("0.5"), memory_mib=768, storage_gib=1)
    assert quantities(plan)["memory_gib"] == Decimal("0.75")
    assert postgresql(plan).hourly == euro("0.019064")  # 0.01296 + 0.00594 + 0.000164


def test_nothing_is_rounded_before_it_is_shown():
    rates = {"storage_gib": Rate("storage_gib", Decimal("0.000000001"), "pr-1")}
    found = quote({"storage_gib": Decimal("0.001")}, rates, vat=NL, at=AT)
    assert found.hourly.amount == Decimal("0.000000000001")
    assert found.monthly_gross.amount == Decimal("0.0000000008833")
    assert found.as_json()["hourly"] == "0.000000000001"


def test_the_month_for_people_adds_up():
    plan = Plan("single-2x8", vcpu=Decimal(2), memory_mib=8192, storage_gib=80)
    found = postgresql(plan)
    assert (found.month.net, found.month.vat, found.month.gross) == (
        euro("93.67"),
        euro("19.67"),
        euro("113.34"),
    )
    # Rounding the exact gross would print a sum that is a cent off.
    assert found.monthly_gross.rounded() == euro("113.35")


def test_halves_round_away_from_zero():
    rates = {"vcpu": Rate("vcpu", Decimal("0.005"), "pr-1")}
    found = quote({"vcpu": Decimal(1)}, rates, vat=NL, at=AT)
    assert found.hourly.rounded() == euro("0.01")


def test_a_lost_digit_raises():
    rates = {"vcpu": Rate("vcpu", Decimal("0." + "1" * 40), "pr-1")}
    with pytest.raises(Inexact):
        quote({"vcpu": Decimal("0." + "3" * 41)}, rates, vat=NL, at=AT)


def test_a_meter_without_a_rate_raises():
    with pytest.raises(KeyError, match="vcpu"):
        quote({"vcpu": Decimal(1)}, {}, vat=NL, at=AT)


def test_currencies_are_never_added_up():
    rates = {**POSTGRESQL, "vcpu": replace(POSTGRESQL["vcpu"], currency="CHF")}
    with pytest.raises(ValueError, match="EUR"):
        quote({"vcpu": Decimal(1), "memory_gib": Decimal(1)}, rates, vat=NL, at=AT)


def test_another_currency_stays_itself():
    rates = {"vcpu": replace(POSTGRESQL["vcpu"], currency="CHF")}
    found = quote({"vcpu": Decimal(2)}, rates, vat=NL, at=AT)
    assert (found.currency, found.as_json()["currency"]) == ("CHF", "CHF")


def test_what_is_priced_by_the_million_is_no_hourly_price():
    rates = {"requests": Rate("requests", Decimal("0.40"), "pr-1", unit="million")}
    with pytest.raises(ValueError, match="by the million"):
        quote({"requests": Decimal(1)}, rates, vat=NL, at=AT)


def test_what_costs_nothing_stays_in_the_quote_but_is_not_shown():
    rates = {**POSTGRESQL, "vcpu": Rate("vcpu", Decimal(0), "pr-0")}
    found = quote({"vcpu": Decimal(2), "storage_gib": Decimal(5)}, rates, vat=NL, at=AT)
    assert [line.meter for line in found.lines] == ["vcpu", "storage_gib"]
    assert [line.meter for line in found.charged_lines] == ["storage_gib"]


def test_the_snapshot_is_complete_and_all_decimals_are_plain_text():
    plan = Plan("single-2x8", vcpu=Decimal(2), memory_mib=8192, storage_gib=80)
    snapshot = postgresql(plan).as_json()
    assert snapshot.pop("lines")[2] == {
        "meter": "storage_gib",
        "unit": "hour",
        "quantity": "80",
        "nodes": 1,
        "unit_price": "0.000164",
        "hourly": "0.013120",
        "price": "pr-storage",
    }
    assert snapshot == {
        "offering": "postgresql",
        "plan": "single-2x8",
        "at": "2026-11-25T00:00:00+00:00",
        "currency": "EUR",
        "hourly": "0.128320",
        "hourly_gross": "0.15526720",
        "monthly_estimate": "93.673600",
        "monthly_vat": "19.67145600",
        "monthly_gross": "113.34505600",
        "vat_percent": "21",
        "vat_country": "NL",
        "vat_label": "vat-provider",
    }


nano = st.integers(0, 10**12).map(lambda n: Decimal(n).scaleb(-9))
amounts = st.integers(0, 10**9).map(lambda n: Decimal(n).scaleb(-3))


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(nano, amounts), min_size=1, max_size=5), st.integers(0, 2700))
def test_a_quote_is_the_exact_sum_of_whole_numbers(pairs, basis_points):
    """The same sum, done in integers: 10⁻¹² euro an hour, and VAT in 10⁻⁴ of that."""
    rates = {f"m{i}": Rate(f"m{i}", price, f"pr-{i}") for i, (price, _) in enumerate(pairs)}
    wanted = {f"m{i}": quantity for i, (_, quantity) in enumerate(pairs)}
    vat = VatRate(Decimal(basis_points).scaleb(-2), "NL")
    found = quote(wanted, rates, vat=vat, at=AT)
    hourly = sum(int(p.scaleb(9)) * int(q.scaleb(3)) for p, q in pairs)
    assert int(found.hourly.amount.scaleb(12)) == hourly
    gross = hourly * 730 * (10_000 + basis_points)
    assert found.monthly_gross.amount == Decimal(gross).scaleb(-16)
    assert found.month.net + found.month.vat == found.month.gross
