"""The arithmetic of the SLA, against the promise's own words and a slow second way."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest

from billing.sla.arithmetic import (
    Credit,
    Facts,
    Measured,
    credit_for,
    measure,
    minutes_touched,
    minutes_within,
)

START = datetime(2026, 10, 1, tzinfo=UTC)
OCTOBER = 31 * 1440


def first(count, at=0):
    return ((1 << count) - 1) << at


def october(*, bad=0, target="99.95", **more):
    """A service that ran all month and was probed all the time, bad at its end."""
    return Facts(
        Decimal(target),
        runs=first(OCTOBER),
        known=first(OCTOBER),
        bad=first(bad, OCTOBER - bad),
        **more,
    )


@pytest.mark.parametrize(
    ("days", "target", "allowed"),
    [
        (28, "99.95", "20.16"),
        (30, "99.95", "21.60"),
        (31, "99.95", "22.32"),
        (28, "99.99", "4.03"),
        (30, "99.99", "4.32"),
        (31, "99.99", "4.46"),
    ],
)
def test_the_minutes_that_a_promise_allows(days, target, allowed):
    found = measure(Facts(Decimal(target), runs=first(days * 1440)))
    assert found.allowed == Decimal(allowed)


@pytest.mark.parametrize(
    ("bad", "target", "percent"),
    [
        (0, "99.95", 0),
        (22, "99.95", 0),
        (23, "99.95", 10),
        (44, "99.95", 10),
        (45, "99.95", 15),
        (446, "99.95", 15),
        (447, "99.95", 30),
        (2232, "99.95", 30),
        (2233, "99.95", 100),
        (4, "99.99", 0),
        (5, "99.99", 10),
        (223, "99.5", 0),
        (224, "99.5", 15),
        (446, "99.0", 0),
        (447, "99.0", 30),
        (OCTOBER, "99.0", 100),
    ],
)
def test_the_ladder(bad, target, percent):
    found = measure(october(bad=bad, target=target))
    assert credit_for(found, Decimal(100)).percent == percent


def test_the_share_is_never_rounded_up():
    assert measure(october(bad=1)).share == Decimal("99.997")
    assert measure(october(bad=0)).share == Decimal("100.000")
    assert measure(october(bad=45)).share == Decimal("99.899")


def test_what_is_not_known_counts_as_served_and_is_told():
    facts = Facts(Decimal("99.95"), runs=first(1440), known=first(440), bad=first(1440))
    found = measure(facts)
    assert (found.bad, found.unknown, found.expected) == (440, 1000, 1440)


def test_what_was_never_probed_has_no_share_and_no_credit():
    found = measure(Facts(Decimal("99.95"), runs=first(1440)))
    assert (found.share, found.is_measured) == (None, False)
    assert credit_for(found, Decimal(100)).amount == 0


def test_what_did_not_run_was_promised_nothing():
    found = measure(Facts(Decimal("99.95"), runs=0, known=first(60), bad=first(60)))
    assert (found.expected, found.bad) == (0, 0)
    assert credit_for(found, Decimal(100)).amount == 0


def test_announced_work_is_left_out_up_to_four_hours():
    found = measure(october(bad=300, works=first(300, OCTOBER - 300)))
    assert (found.excluded, found.bad) == (240, 60)
    assert found.expected == OCTOBER - 240
    assert found.outages == ((OCTOBER - 60, 60),)


def test_the_first_four_hours_of_work_are_taken_wherever_they_lie():
    works = first(100, 50) | first(100, 1000) | first(100, 5000)
    found = measure(Facts(Decimal(99), runs=first(OCTOBER), known=first(OCTOBER), works=works))
    assert found.excluded == 240
    late = Facts(Decimal(99), runs=first(OCTOBER), known=first(OCTOBER), bad=works, works=works)
    assert measure(late).outages == ((5040, 60),)


def windows(fast, slow, within=10):
    values = [within * 10] * fast + [within * 10 + 1] * slow
    return tuple(values)


@pytest.mark.parametrize(
    ("fast", "slow", "percent"), [(99, 1, 0), (98, 1, 5), (990, 10, 0), (989, 11, 5), (0, 0, 0)]
)
def test_one_window_in_a_hundred_may_be_slow(fast, slow, percent):
    found = measure(october(latencies=windows(fast, slow), within=10))
    assert credit_for(found, Decimal(100)).percent == percent


def test_windows_count_while_all_of_their_minutes_do():
    facts = Facts(
        Decimal(99),
        runs=first(OCTOBER) & ~first(1, 7),
        known=first(OCTOBER),
        works=first(5, 20),
        latencies=windows(0, 10),
        within=10,
    )
    found = measure(facts)
    assert (found.windows, found.slow) == (8, 8)


@pytest.mark.parametrize("within", [1, 10, 100, 1000, 3276, 3277, 6553, 6554])
def test_windows_judged_at_once_are_those_judged_one_by_one(within):
    rng = random.Random(within)  # a seeded set, not a secret
    near = (0, 1, within * 10 - 1, within * 10, within * 10 + 1, 32767, 32768, 65535)
    latencies = tuple(min(65535, rng.choice((*near, rng.randrange(65536)))) for _ in range(2000))
    runs = first(OCTOBER)
    for _ in range(30):
        runs &= ~first(rng.randrange(1, 40), rng.randrange(OCTOBER))
    found = measure(Facts(Decimal(99), runs=runs, latencies=latencies, within=within))
    whole = 0b11111
    judged = [n for at, n in enumerate(latencies) if n and runs >> 5 * at & whole == whole]
    assert (found.windows, found.slow) == (len(judged), sum(n > within * 10 for n in judged))
    assert 1500 < found.windows < 2000


def test_nothing_is_said_of_speed_where_none_was_promised():
    found = measure(october(latencies=windows(0, 10), within=None))
    assert (found.windows, found.fast_share, found.is_fast) == (0, None, True)


def test_both_misses_add_up_to_a_hundred_at_most():
    assert Credit(15, 5, Decimal("10.00")).percent == 20
    assert Credit(100, 5, Decimal("10.00")).amount == Decimal("10.00")


def test_the_credit_is_rounded_once_half_away_from_zero():
    assert Credit(10, 0, Decimal("32.05")).amount == Decimal("3.21")
    assert Credit(10, 0, Decimal("32.0499999")).amount == Decimal("3.20")
    assert Credit(15, 5, Decimal("0.024999")).amount == Decimal("0.00")


def at(minutes, seconds=0):
    return START + timedelta(minutes=minutes, seconds=seconds)


def test_minutes_of_spans():
    end = at(100)
    assert minutes_within([(at(3, 1), at(6, 59))], START, end) == first(2, 4)
    assert minutes_touched([(at(3, 1), at(6, 59))], START, end) == first(4, 3)
    assert minutes_within([(at(3), at(4))], START, end) == first(1, 3)
    assert minutes_within([(at(3, 1), at(3, 59))], START, end) == 0
    assert minutes_within([(at(-5), at(200))], START, end) == first(100)
    assert minutes_touched([(at(-9), at(-5)), (at(150), at(160))], START, end) == 0


@pytest.mark.parametrize("seed", range(3))
def test_random_months_against_a_count_minute_by_minute(seed):
    pick = random.Random(seed)
    for _ in range(25):
        length = pick.choice([60, 1440, 3000])
        sets = [pick.getrandbits(length) & pick.getrandbits(length) for _ in range(3)]
        runs, known, works = first(length), sets[0] | sets[1], sets[2]
        bad = pick.getrandbits(length) & pick.getrandbits(length) & known
        target = Decimal(pick.choice(["99.99", "99.95", "99.5", "99.0"]))
        found = measure(Facts(target, runs, known, bad, works))
        left, expected, lost = 240, 0, 0
        for minute in range(length):
            skipped = works >> minute & 1 and left > 0
            left -= bool(skipped)
            expected += not skipped
            lost += not skipped and bad >> minute & 1
        assert (found.expected, found.bad) == (expected, lost)
        share = Fraction(expected - lost, expected) * 100
        wanted = next(
            percent
            for edge, percent in ((95, 100), (99, 30), (Fraction("99.9"), 15), (101, 10))
            if share < edge
        )
        assert credit_for(found, Decimal(1)).percent == wanted * (share < Fraction(target))
        assert found.share <= share < found.share + Decimal("0.001")


def test_kept_and_allowed_say_the_same():
    for bad in range(60):
        found = measure(october(bad=bad))
        assert found.is_kept == (bad <= found.allowed)
        assert isinstance(found, Measured)
