"""Days that stand out, and those that only look so."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from billing.outlook.anomalies import anomalies

FIRST = date(2026, 8, 1)
DAY = date(2026, 10, 7)


def even(amount=100):
    return {FIRST + timedelta(days=n): Decimal(amount) for n in range(92)}


def found(by_day, *, first=date(2026, 10, 1), end=date(2026, 11, 1)):
    return anomalies(by_day, first=first, end=end)


@pytest.mark.parametrize("factor", ["1.5", "2", "3"])
def test_a_spike_is_found_with_what_would_be_usual(factor):
    one = found(even() | {DAY: 100 * Decimal(factor)})
    assert [(a.day, a.expected, a.excess) for a in one] == [(DAY, 100, 100 * (Decimal(factor) - 1))]


@pytest.mark.parametrize(
    "by_day",
    [
        {},
        even(),
        even() | {DAY: Decimal(10)},
        even(6) | {DAY: Decimal(15)},  # a few euros
        even(10_000) | {DAY: Decimal(10_900)},  # less than a tenth
        {day: cost * (3 if day.weekday() == 2 else 1) for day, cost in even().items()},
    ],
    ids=["nothing", "even", "less", "little", "a tenth", "each Wednesday"],
)
def test_what_is_usual_is_not_told(by_day):
    assert found(by_day) == []


def test_a_step_is_told_once():
    step = {day: cost * 2 if day >= DAY else cost for day, cost in even().items()}
    assert [one.day for one in found(step, end=DAY + timedelta(days=8))] == [DAY]


def test_an_account_that_has_just_begun_has_nothing_usual():
    young = {day: cost for day, cost in even().items() if day >= DAY - timedelta(days=10)}
    assert found(young | {DAY: Decimal(900)}) == []


def test_noise_needs_more_to_stand_out():
    noisy = {day: cost + (day.day * 37 % 60) for day, cost in even().items()}
    assert found(noisy | {DAY: Decimal(220)}) == []
    assert [one.day for one in found(noisy | {DAY: Decimal(500)})] == [DAY]
