"""Services that nobody uses: what counts as silence, and what does not."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from billing.advice import idle
from services.spec import Plan
from tests.billing.advice.days import NOW, always, days

PLAN = Plan("single-2x8", Decimal(2), 8192, 80)
QUIET = {"cpu": always(40), "clients": always(0)}


def told(taken, *, database=True):
    return idle.idle(taken, NOW, PLAN, database=database)


def test_a_database_without_clients_for_a_week():
    found = told(days(**QUIET))
    assert (found.because, found.days, found.hours) == ("no-clients", 7, 168)
    assert (found.cpu_percent, found.confidence) == (2, "high")


@pytest.mark.parametrize(("hours_ago", "is_idle"), [(1, False), (168, False), (169, True)])
def test_one_client_in_the_week_is_use(hours_ago, is_idle):
    seen = NOW - timedelta(hours=hours_ago)
    taken = days(cpu=always(40), clients=lambda at: 1 if at == seen else 0)
    assert (told(taken) is not None) is is_idle


def test_work_without_clients_is_no_use_of_a_database():
    assert told(days(cpu=always(1000), clients=always(0))).because == "no-clients"


def test_without_a_word_of_clients_two_weeks_of_silence_do():
    unknown = days(cpu=always(99), clients=always(None))
    assert (told(unknown).because, told(unknown).confidence) == ("no-work", "medium")
    assert told(days(cpu=always(100), clients=always(None))) is None
    assert told(days(14, cpu=always(99), clients=always(None))) is not None
    assert told(days(12, cpu=always(99), clients=always(None))) is None


def test_other_services_are_idle_without_work_and_clients():
    found = told(days(**QUIET), database=False)
    assert (found.because, found.days, found.confidence) == ("no-work", 14, "high")
    assert told(days(cpu=always(40), clients=always(1)), database=False) is None
    assert told(days(cpu=always(400), clients=always(0)), database=False) is None


def test_a_gap_is_not_silence():
    assert told(days(**QUIET, hours=range(22))) is not None
    assert told(days(**QUIET, hours=range(20))) is None


def test_part_of_the_week_unknown_is_not_silence():
    taken = days(cpu=always(1000), clients=lambda at: None if at.hour == 5 else 0)
    assert told(taken) is None
    first = replace(taken[0], hours=())
    assert told([first, *taken[1:]]) is None
