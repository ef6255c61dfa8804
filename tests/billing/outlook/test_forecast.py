"""What a month will have cost: the shapes of use that people have."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from billing.outlook.forecast import forecast
from tests.billing import synthetic

MONTH = date(2026, 10, 1)


def days(amount, *, first=date(2026, 8, 1), end=MONTH):
    return {first + timedelta(days=n): Decimal(amount) for n in range((end - first).days)}


@pytest.mark.parametrize("elapsed", [0, 1, 6, 7, 15, 30])
def test_what_goes_on_evenly_is_expected_to(elapsed):
    today = MONTH + timedelta(days=elapsed)
    found = forecast(days(10, end=today), month=MONTH, today=today)
    assert (found.actual, found.expected) == (10 * elapsed, 310)
    assert found.low < 310 < found.high
    assert found.method == ("holt" if elapsed >= 7 else "blend")
    assert len(found.days) == 31 - elapsed


@pytest.mark.parametrize("known", [{}, days(10, end=date(2026, 10, 11))])
def test_what_is_known_to_come_is_expected_and_not_spent(known):
    today = date(2026, 10, 11)
    without = forecast(known, month=MONTH, today=today)
    found = forecast(known, month=MONTH, today=today, coming=Decimal(1000))
    assert found.actual == without.actual
    assert found.low >= found.actual + 1000
    for name in ("expected", "high"):
        assert getattr(found, name) == getattr(without, name) + 1000


def test_weekends_are_expected_to_be_like_weekends():
    known = days(10, end=date(2026, 10, 12))
    known = {day: cost if day.weekday() < 5 else Decimal(2) for day, cost in known.items()}
    found = forecast(known, month=MONTH, today=date(2026, 10, 12))
    by_day = dict(found.days)
    assert by_day[date(2026, 10, 17)] * 4 < by_day[date(2026, 10, 16)]
    assert abs(found.expected - (22 * 10 + 9 * 2)) < 6


def test_growth_goes_on_and_is_damped():
    first, today = date(2026, 8, 1), date(2026, 10, 11)
    known = {first + timedelta(days=n): Decimal(100 + n) for n in range((today - first).days)}
    found = forecast(known, month=MONTH, today=today)
    straight = sum(Decimal(100 + 61 + n) for n in range(31))
    assert found.actual + 21 * known[today - timedelta(days=1)] < found.expected + 60
    assert found.expected < straight


@pytest.mark.parametrize("factor", [Decimal("0.5"), Decimal(2)])
def test_a_lasting_step_is_followed_within_days(factor):
    """Six days old, and what was before hardly counts any more."""
    today = date(2026, 10, 12)
    known = days(10, end=date(2026, 10, 6)) | days(10 * factor, first=date(2026, 10, 6), end=today)
    found = forecast(known, month=MONTH, today=today)
    to_come = 20 * 10 * factor
    assert abs(found.expected - found.actual - to_come) < to_come / 12


def test_one_dear_day_is_no_step():
    """Three days after one of four times the cost: Holt alone would carry on 37 %."""
    today = date(2026, 10, 12)
    known = days(10, end=today) | {date(2026, 10, 8): Decimal(40)}
    found = forecast(known, month=MONTH, today=today)
    assert 0 <= found.expected - found.actual - 200 < 200 / 5


def test_the_first_day_of_all_is_a_run_rate():
    found = forecast({MONTH: Decimal(5)}, month=MONTH, today=MONTH)
    assert (found.expected, found.method) == (155, "run-rate")


def test_a_first_day_that_was_not_whole_does_not_count():
    known = {date(2026, 10, 10): Decimal(1)} | days(
        10, first=date(2026, 10, 11), end=date(2026, 10, 18)
    )
    found = forecast(known, month=MONTH, today=date(2026, 10, 18))
    assert found.expected == 1 + 210


def test_today_counts_once_and_never_less_than_it_has_cost():
    today = date(2026, 10, 11)
    some = forecast(days(10, end=today) | {today: Decimal(4)}, month=MONTH, today=today)
    more = forecast(days(10, end=today) | {today: Decimal(50)}, month=MONTH, today=today)
    assert (some.expected, more.expected) == (310, 350)


def test_what_is_charged_once_is_not_carried_on():
    today = date(2026, 10, 11)
    found = forecast(days(10, end=today), month=MONTH, today=today, fixed=Decimal(-30))
    assert (found.actual, found.expected) == (70, 280)


def test_a_month_that_is_over_is_what_it_was():
    found = forecast(days(10, end=date(2026, 11, 1)), month=MONTH, today=date(2026, 11, 1))
    assert (found.actual, found.expected, found.low, found.high) == (310, 310, 310, 310)
    assert (found.method, found.days) == ("actual", [])


def test_without_any_costs_nothing_is_expected():
    found = forecast({}, month=MONTH, today=date(2026, 10, 11))
    assert (found.actual, found.expected, found.high) == (0, 0, 0)


@pytest.mark.parametrize("elapsed", [5, 10, 20])
def test_it_is_better_than_the_run_rate(elapsed):
    """On eighty of the seeded accounts; `numbers_forecast.py` says how much on more of them."""
    today = MONTH + timedelta(days=elapsed)
    ours = run_rate = Decimal(0)
    for account in synthetic.accounts(80, seed=7):
        truth = sum(c for day, c in account.by_day.items() if day >= MONTH)
        found = forecast(account.until(today), month=MONTH, today=today)
        ours += abs(found.expected - truth) / truth
        run_rate += abs(found.actual * 31 / elapsed - truth) / truth
    assert ours < run_rate
