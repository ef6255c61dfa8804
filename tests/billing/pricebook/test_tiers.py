"""What a quantity of a month costs: tiers, allowances, packages."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.pricebook.tiers import charge

FLAT = [{"from": "0", "to": None, "unit_price": "0.40", "flat": "0"}]
EGRESS = [
    {"from": "0", "to": "10240", "unit_price": "0.0100", "flat": "0"},
    {"from": "10240", "to": "51200", "unit_price": "0.0080", "flat": "0"},
    {"from": "51200", "to": None, "unit_price": "0.0060", "flat": "0"},
]


@pytest.mark.parametrize(
    ("mode", "tiers", "free", "quantity", "amount"),
    [
        ("flat", FLAT, "0", "2.5", "1.00"),
        ("flat", FLAT, "1", "1", "0"),
        ("flat", FLAT, "1", "3", "0.80"),
        ("graduated", EGRESS, "1024", "1000", "0"),
        ("graduated", EGRESS, "1024", "10240", "92.16"),
        ("graduated", EGRESS, "1024", "20000", "170.24"),
        ("graduated", EGRESS, "1024", "60000", "472.64"),
        ("graduated", EGRESS, "20000", "30000", "80"),
        ("volume", EGRESS, "0", "10240", "102.40"),
        ("volume", EGRESS, "0", "10241", "81.928"),
        ("package", FLAT, "0", "2.1", "1.20"),
        ("package", FLAT, "2", "2.1", "0.40"),
    ],
)
def test_charge(mode, tiers, free, quantity, amount):
    found = charge(tiers, mode, Decimal(free), Decimal(quantity))
    assert found == Decimal(amount)


def test_a_flat_fee_of_a_tier_comes_with_it():
    tiers = [{"from": "0", "to": None, "unit_price": "1", "flat": "5"}]
    assert charge(tiers, "flat", Decimal(0), Decimal(2)) == 7


def test_an_unknown_mode_is_an_error():
    with pytest.raises(ValueError, match="unknown mode"):
        charge(FLAT, "auction", Decimal(0), Decimal(1))


@given(st.decimals(0, 100_000, places=3), st.decimals(0, 100_000, places=3))
def test_more_never_costs_less_when_graduated(one, other):
    less, more = sorted((one, other))
    free = Decimal(1024)
    assert charge(EGRESS, "graduated", free, less) <= charge(EGRESS, "graduated", free, more)
