"""Ninety days of each region and family, from incidents and checks; nothing is made up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import OperationalError

from portal.status import actions
from portal.status.board import DAYS, read
from portal.status.days import Day, Span, days_of, merged, share_up
from portal.status.fresh import Fresh
from portal.status.models import Incident
from portal.status.texts import day_label, days_label
from services.regions.models import RegionHealth
from tests.makers import make_region, make_staff

NOW = datetime(2026, 11, 25, 18, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


# -- arithmetic ------------------------------------------------------------------------------------


def hours(start: float, end: float) -> Span:
    """Hours of today."""
    midnight = NOW.replace(hour=0)
    return Span(midnight + start * HOUR, midnight + end * HOUR)


def test_overlaps_count_once():
    assert merged([hours(3, 5), hours(1, 4), hours(8, 8), hours(6, 7)]) == [
        hours(1, 5),
        hours(6, 7),
    ]


@pytest.mark.parametrize(
    ("known", "down", "noted", "state"),
    [
        ([hours(0, 18)], [], [], "ok"),
        ([hours(0, 18)], [hours(2, 2.5)], [], "part"),
        ([hours(0, 18)], [hours(2, 2.5), hours(4, 4.5)], [], "bad"),
        ([hours(0, 18)], [], [hours(2, 9)], "part"),
        ([], [], [], "none"),
        ([], [hours(1, 3)], [hours(1, 3)], "bad"),
        ([hours(-24, -1)], [], [], "none"),
    ],
)
def test_what_a_day_is_called(known, down, noted, state):
    [today] = days_of(known=known, down=down, noted=noted, now=NOW, count=1)
    assert today.state == state


def test_days_share_a_span_that_crosses_midnight():
    yesterday, today = days_of(
        known=[hours(-24, 18)], down=[hours(-0.5, 0.25)], noted=[], now=NOW, count=2
    )
    assert (yesterday.down, today.down) == (HOUR / 2, HOUR / 4)
    assert (yesterday.known, today.known) == (DAY, 18 * HOUR)


@pytest.mark.parametrize(
    ("down", "share"),
    [(timedelta(0), "100.000"), (timedelta(seconds=1), "99.998"), (12 * HOUR, "50.000")],
)
def test_the_share_is_never_rounded_up(down, share):
    assert share_up([Day(NOW.date(), DAY, down, False)]) == Decimal(share)


def test_nothing_known_has_no_share():
    assert share_up([Day(NOW.date(), timedelta(0), timedelta(0), False)]) is None


def test_bars_in_words():
    day = NOW.date()
    days = [
        Day(day, DAY, timedelta(0), False),
        Day(day, DAY, timedelta(minutes=8), False),
        Day(day, DAY, 2 * HOUR, True),
        Day(day, timedelta(0), timedelta(0), False),
    ]
    assert days_label(days) == (
        "1 day without trouble, 1 with some, 1 with an hour or more, 1 without data"
    )
    assert [day_label(d) for d in days] == [
        "",
        "25 November: down for 8 minutes",
        "25 November: down for 120 minutes",
        "25 November: no data",
    ]


# -- from the rows ---------------------------------------------------------------------------------


def region(**fields):
    return make_region("fra1", backend="process", **{"checked_at": NOW, **fields})


def flip(where, state, at):
    RegionHealth.objects.create(region=where, state=state, at=at)


@pytest.mark.django_db
def test_days_before_the_first_check_have_no_data():
    flip(region(), "ok", NOW - 2 * DAY)
    [place] = read(NOW).places
    states = [day.state for day in place.rows[0].days]
    assert len(states) == DAYS
    assert states == ["none"] * (DAYS - 3) + ["ok"] * 3
    assert (place.state, place.rows[0].share) == ("ok", Decimal(100))


@pytest.mark.django_db
def test_a_region_that_was_away_and_checks_that_stopped():
    where = region(checked_at=NOW - 3 * DAY)
    flip(where, "ok", NOW - 10 * DAY)
    flip(where, "down", NOW - 8 * DAY)
    flip(where, "ok", NOW - 8 * DAY + HOUR / 2)
    flip(where, "unknown", NOW - 6 * DAY - 18 * HOUR)
    flip(where, "ok", NOW - 4 * DAY - 18 * HOUR)
    [place] = read(NOW).places
    states = [day.state for day in place.rows[0].days][-11:]
    assert states == [
        *("ok", "ok", "part", "ok", "none", "none"),
        *("ok", "ok", "none", "none", "none"),
    ]
    assert place.state == "none"  # nobody has looked for three days


@pytest.mark.django_db
def test_a_silent_region_is_down_now():
    flip(region(healthy=False), "down", NOW - HOUR / 2)
    board = read(NOW)
    assert (board.state, board.places[0].silent) == ("bad", True)
    assert [day.state for day in board.places[0].rows[0].days][-1] == "part"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("impact", "state", "day"),
    [("none", "ok", "ok"), ("minor", "part", "part"), ("critical", "bad", "bad")],
)
def test_an_incident_touches_what_it_names(impact, state, day):
    flip(region(), "ok", NOW - 5 * DAY)
    Incident.objects.create(
        title="x",
        impact=impact,
        regions=["fra1"],
        families=["databases"],
        started_at=NOW - 2 * HOUR,
    )
    [place] = read(NOW).places
    rows = {row.family: row for row in place.rows}
    assert (rows["databases"].state, rows["databases"].days[-1].state) == (state, day)
    assert (rows["integration"].state, rows["integration"].days[-1].state) == ("ok", "ok")


@pytest.mark.django_db
def test_an_incident_elsewhere_touches_nothing_here():
    flip(region(), "ok", NOW - 5 * DAY)
    Incident.objects.create(
        title="x", impact="critical", regions=["par1"], started_at=NOW - 2 * HOUR
    )
    board = read(NOW)
    assert board.places[0].state == "ok"
    assert board.state == "bad"  # it is an incident all the same


@pytest.mark.django_db
def test_planned_work_shows_while_it_runs():
    flip(region(), "ok", NOW - 5 * DAY)
    actions.schedule_maintenance(
        actor=make_staff(),
        title="Switches",
        text="Short breaks.",
        starts_at=NOW - HOUR,
        ends_at=NOW + 400_000 * HOUR,
        families=["databases"],
    )
    [place] = read(NOW).places
    assert {row.family: row.state for row in place.rows}["databases"] == "work"
    assert place.state == "work"


@pytest.mark.django_db
def test_the_board_asks_the_same_however_many_regions(django_assert_max_num_queries):
    for number in range(6):
        flip(make_region(f"r{number}", backend="process", checked_at=NOW), "ok", NOW - DAY)
    with django_assert_max_num_queries(9):
        assert len(read(NOW).places) == 6


# -- kept ------------------------------------------------------------------------------------------


def test_a_fresh_value_is_read_once():
    calls = iter(range(5))
    value = Fresh(lambda: next(calls), seconds=60)
    assert [value(), value()] == [0, 0]
    value.forget()
    assert value() == 1


def test_the_last_value_stays_while_the_database_is_away():
    answers = iter([1, OperationalError("away")])

    def ask() -> int:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    value = Fresh(ask, seconds=0)
    assert [value(), value()] == [1, 1]
    with pytest.raises(OperationalError):
        Fresh(_fail, seconds=0)()


def _fail() -> int:
    raise OperationalError("away")
