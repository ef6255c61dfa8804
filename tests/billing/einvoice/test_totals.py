"""Sums against fractions, which know no rounding but the one we ask for."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from billing.einvoice.document import Allowance, Category, Vat, priced, rounded
from billing.einvoice.totals import totals
from tests.billing.einvoice import samples

RATES = [Vat(Category.STANDARD, Decimal(p)) for p in ("19", "7", "25.5")]


def cents(value: Fraction) -> int:
    """Half away from zero."""
    sign = -1 if value < 0 else 1
    return sign * int((abs(value) * 100 + Fraction(1, 2)) // 1)


quantities = st.decimals(-(10**9), 10**9, places=6)
prices = st.decimals(0, 10**4, places=9)
bases = st.sampled_from([Decimal(1), Decimal(1000), Decimal(1_000_000)])
lines = st.builds(
    lambda quantity, price, base, vat: priced(
        "x",
        quantity=quantity,
        unit="C62",
        unit_price=price,
        base_quantity=base,
        vat=vat,
        period=samples.OCTOBER,
    ),
    quantities,
    prices,
    bases,
    st.sampled_from(RATES),
)
allowances = st.builds(
    lambda amount, vat: Allowance(amount, "SLA", vat),
    st.decimals("0.01", 1000, places=2),
    st.sampled_from(RATES),
)


@settings(max_examples=80, deadline=None)
@given(st.lists(lines, min_size=1, max_size=12), st.lists(allowances, max_size=3))
def test_sums_are_exact(made, taken):
    document = replace(samples.invoice(), lines=tuple(made), allowances=tuple(taken))
    sums = totals(document)

    nets = [
        cents(Fraction(x.quantity) * Fraction(x.unit_price) / Fraction(x.base_quantity))
        for x in made
    ]
    bases = {
        vat: sum(n for n, x in zip(nets, made, strict=True) if x.vat == vat)
        - sum(int(a.amount * 100) for a in taken if a.vat == vat)
        for vat in {x.vat for x in (*made, *taken)}
    }
    vats = {
        vat: cents(Fraction(base, 100) * Fraction(vat.percent) / 100) for vat, base in bases.items()
    }
    assert [int(x.net * 100) for x in made] == nets
    assert {p.vat: int(p.base * 100) for p in sums.breakdown} == bases
    assert {p.vat: int(p.amount * 100) for p in sums.breakdown} == vats
    assert int(sums.gross * 100) == sum(bases.values()) + sum(vats.values())
    assert sums.net == sums.lines - sums.allowances
    assert sums.payable == sums.gross


def test_halves_go_away_from_zero():
    assert rounded(Decimal("2.345")) == Decimal("2.35")
    assert rounded(Decimal("-2.345")) == Decimal("-2.35")


def test_what_was_paid_before_is_not_asked_for_again():
    sums = totals(samples.paid_by_card())
    assert (sums.payable, sums.paid) == (Decimal("0.00"), sums.gross)
