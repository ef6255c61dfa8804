"""Smaller plans: what is needed, what is cheapest, and when nothing is said."""

from datetime import timedelta
from decimal import Decimal

import pytest

from billing.advice import sizes
from billing.advice.sizes import Priced
from services.spec import Plan
from tests.billing.advice.days import TODAY, always, days


def plan(name, vcpu, gib, storage=80, nodes=1):
    return Plan(name, Decimal(vcpu), gib * 1024, storage, nodes)


LARGE = Priced(plan("single-8x32", 8, 32, 320), Decimal(400))
MIDDLE = Priced(plan("single-4x16", 4, 16, 160), Decimal(200))
SMALL = Priced(plan("single-2x8", 2, 8), Decimal(100))
DEV = Priced(plan("dev-1x1", 1, 1, 10), Decimal(20))
HA = Priced(plan("ha-2x8", 2, 8, nodes=3), Decimal(50))
ALL = [HA, DEV, LARGE, MIDDLE, SMALL]


def proposed(taken, current=LARGE, others=ALL, **how):
    return sizes.propose(taken, TODAY, current, others, **how)


def test_the_cheapest_of_the_same_kind_that_is_large_enough():
    found = proposed(days(cpu=always(1000), memory=always(4096)))
    assert (found.plan.id, found.saving, found.confidence) == ("single-2x8", 300, "high")
    assert 1000 <= found.need.cpu_p95 <= 1050
    assert found.need.cpu == -(-found.need.cpu_p95 * 115 // 100)
    assert found.need.memory == -(-found.need.memory_p99 * 120 // 100)
    assert found.simulated.too_full == 0
    assert (found.simulated.cpu_percent, found.simulated.memory_percent) == (50, 50)


@pytest.mark.parametrize(
    "taken",
    [
        {"cpu": always(1800)},  # 1.8 and 15 % are more than 2
        {"memory": always(7000)},
        {"storage": 70 * 1024},
    ],
)
def test_every_dimension_must_fit(taken):
    assert proposed(days(**taken)).plan.id == "single-4x16"


def test_a_day_that_filled_it_rules_a_plan_out_however_long_ago():
    busy = TODAY - timedelta(days=12)

    def cpu(at):
        return 1900 if at.date() == busy and at.hour < 2 else 100

    assert sizes.fits(SMALL.plan, sizes.need_of(days(cpu=cpu), TODAY))
    assert proposed(days(cpu=cpu)).plan.id == "single-4x16"


def test_the_newest_days_weigh_most():
    lately = TODAY - timedelta(days=2)
    taken = days(cpu=lambda at: 3000 if at.date() >= lately else 100)
    assert sizes.need_of(taken, TODAY).cpu_p95 >= 3000
    before = TODAY - timedelta(days=9)
    taken = days(cpu=lambda at: 3000 if at.date() <= before else 100)
    assert sizes.need_of(taken, TODAY).cpu_p95 < 110


def test_memory_is_the_highest_of_eight_days():
    for ago, high in ((7, True), (8, False)):
        day = TODAY - timedelta(days=ago)
        taken = days(memory=lambda at, day=day: 6000 if at.date() == day else 500)
        assert (sizes.need_of(taken, TODAY).memory_p99 >= 6000) is high


def test_data_that_fit_into_memory_still_should():
    taken = days(storage=12 * 1024)
    assert proposed(taken).plan.id == "single-2x8"
    assert proposed(taken, caches=True).plan.id == "single-4x16"
    larger = proposed(days(storage=40 * 1024), caches=True)  # than memory already is
    assert (larger.plan.id, larger.confidence) == ("single-2x8", "medium")


@pytest.mark.parametrize(("hours", "found"), [(14, False), (15, True)])
def test_thirty_hours_are_needed(hours, found):
    taken = days(2, hours=range(hours))
    assert (proposed(taken) is not None) is found


def test_little_data_is_told():
    assert proposed(days(2)).confidence == "low"
    assert proposed(days(5)).confidence == "medium"
    assert proposed(days(11)).confidence == "high"


def test_peaks_that_do_not_fit_are_no_sure_thing():
    taken = days(cpu=lambda at: 1750 if at.hour == 3 else 100)
    assert proposed(taken, others=[SMALL]).confidence == "medium"
    assert sizes.need_of(taken, TODAY).cpu_p995 >= 1750


@pytest.mark.parametrize(
    ("current", "other", "found"),
    [
        ("100", "98", False),
        ("100", "95", False),  # exactly 5 % is not more
        ("100", "94.99", True),
        ("30", "28", False),  # exactly 2 euro is not more
        ("30", "27.99", True),
    ],
)
def test_small_savings_are_not_worth_a_word(current, other, found):
    now, then = (
        Priced(plan(f"single-{n}", 2, 8), Decimal(amount))
        for n, amount in ((1, current), (2, other))
    )
    assert (proposed(days(), now, [then]) is not None) is found


def test_what_costs_nothing_less_is_no_advice():
    assert proposed(days(), SMALL) is None
    assert proposed([]) is None
