"""The amount to reserve, against all others."""

import random
from collections import Counter
from decimal import Decimal
from fractions import Fraction

import pytest

from billing.advice import reservations
from billing.advice.reservations import Layer

PRICE = Decimal("0.1152")
YEAR, THREE = PRICE * Decimal("0.75"), PRICE * Decimal("0.60")
RATES = {"3y": THREE, "1y": YEAR}
MONTHS = 90 * 24


def exact_cost(use, amount, rate):
    """Independently: hour by hour, in fractions."""
    beyond = sum(max(int(hour) - amount, 0) for hour in use)
    return len(use) * Fraction(rate) * amount + Fraction(PRICE) * beyond


def some_use(seed):
    chance = random.Random(seed)
    level = chance.randint(0, 12)
    return [
        Decimal(max(level + chance.choice((-2, -1, 0, 0, 0, 1, 2, 5)), 0))
        for _ in range(chance.randint(1, 120))
    ]


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("share", ["0.1", "0.6", "0.75", "0.99"])
def test_no_other_amount_costs_less(seed, share):
    use, rate = some_use(seed), PRICE * Decimal(share)
    best = reservations.best(Counter(use), PRICE, rate)
    costs = {amount: exact_cost(use, amount, rate) for amount in range(int(max(use)) + 2)}
    assert costs[int(best)] == min(costs.values())


@pytest.mark.parametrize("seed", range(10))
def test_costs_are_exact(seed):
    use = some_use(seed)
    layers = [Layer("3y", Decimal(2), THREE), Layer("1y", Decimal(3), YEAR)]
    told = reservations.cost(Counter(use), PRICE, layers)
    plain = exact_cost(use, 5, 0) + len(use) * (2 * Fraction(THREE) + 3 * Fraction(YEAR))
    assert Fraction(told) == plain


@pytest.mark.parametrize("rate", [PRICE, PRICE * 2])
def test_what_is_no_cheaper_is_not_reserved(rate):
    assert reservations.best(Counter([Decimal(5)]), PRICE, rate) == 0


def test_break_even_is_the_share_of_hours():
    for used, amount in ((75, 0), (76, 1)):
        use = [Decimal(1)] * used + [Decimal(0)] * (100 - used)
        assert reservations.best(Counter(use), PRICE, YEAR) == amount


def test_what_always_runs_is_reserved_for_the_longest_term():
    found = reservations.plan([Decimal(4)] * MONTHS, PRICE, RATES)
    assert found.layers == (Layer("3y", Decimal(4), THREE),)
    assert found.saving == found.saving_least == found.saving_most
    assert found.saving == (PRICE - THREE) * 4 * 730
    assert (found.covered_percent, found.used_percent) == (100, 100)
    assert found.saving_if_less == (PRICE * Decimal("3.2") - THREE * 4) * 730
    assert found.regret_if_less == THREE * Decimal("0.8") * 730


def test_what_runs_most_of_the_time_is_reserved_for_a_year():
    """Two always, one more in 78 of 100 hours: worth it at three quarters, not for three years."""
    use = [Decimal(3) if hour % 100 < 78 else Decimal(2) for hour in range(MONTHS)]
    found = reservations.plan(use, PRICE, RATES)
    assert [(layer.term, layer.amount) for layer in found.layers] == [("3y", 2), ("1y", 1)]
    assert found.saving > 0
    assert found.used_percent < 100


@pytest.mark.parametrize("seed", range(6))
def test_the_advice_saves_and_stays_below_the_best(seed):
    chance = random.Random(seed)
    weekly = [Decimal(chance.randint(3, 9)) for _ in range(168)]
    use = [weekly[hour % 168] for hour in range(MONTHS)]
    found = reservations.plan(use, PRICE, RATES, seed=seed)
    year = reservations.plan(use, PRICE, {"1y": YEAR}, seed=seed)
    assert year.amount <= reservations.best(Counter(use), PRICE, YEAR)
    assert 0 < year.saving <= found.saving
    assert found.saving_least <= found.saving <= found.saving_most
    assert reservations.plan(use, PRICE, RATES, seed=seed) == found  # the same each night


def test_a_month_with_less_is_taken_seriously():
    use = [Decimal(5)] * (60 * 24) + [Decimal(2)] * (30 * 24)
    assert reservations.plan(use, PRICE, RATES).amount == 2


def test_a_busy_week_is_no_reason():
    use = [Decimal(2)] * (MONTHS - 168) + [Decimal(40)] * 168
    assert reservations.plan(use, PRICE, RATES).amount == 2


@pytest.mark.parametrize(
    "use", [[Decimal(4)] * (29 * 24), [Decimal(0)] * MONTHS, [Decimal("0.4")] * MONTHS]
)
def test_too_little_gives_no_advice(use):
    assert reservations.plan(use, PRICE, RATES) is None
