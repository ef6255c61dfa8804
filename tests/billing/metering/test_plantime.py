"""Seconds of a plan by the day: what starts and stops billing, the least minute, the cap."""

from datetime import UTC, date, datetime, timedelta

import pytest

from billing.metering.plantime import CAP_SECONDS, Happening, day_times

MONTH = date(2026, 10, 1)  # 31 days: 744 hours
NOON = datetime(2026, 10, 5, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def told(*events):
    """Happenings from (hours after noon of the fifth, code, plan or kind of operation)."""
    return [
        Happening(NOON + hours * HOUR, code, plan, kind)
        for hours, code, plan, kind in ((*e, "", "")[:4] for e in events)
    ]


def seconds(happenings, until):
    """(compute, stored) over all days."""
    times = day_times(happenings, MONTH, NOON + until * HOUR).values()
    return sum(t.compute for t in times), sum(t.stored for t in times)


@pytest.mark.parametrize(
    ("events", "until", "compute", "stored"),
    [
        ([(0, "ordered", "a")], 5, 0, 0),
        ([(0, "ordered", "a"), (1, "created", "a")], 5, 4, 4),
        ([(0, "created", "a"), (2, "pause_requested", "a"), (3, "paused", "a")], 5, 2, 5),
        ([(0, "created", "a"), (2, "pause_requested", "a"), (4, "resumed", "a")], 6, 4, 6),
        ([(0, "created", "a"), (2, "deleted", "a"), (3, "binned", "a")], 6, 2, 6),
        ([(0, "created", "a"), (2, "deleted", "a"), (4, "purged", "a")], 6, 2, 4),
        ([(0, "created", "a"), (2, "deleted", "a"), (4, "undeleted", "a")], 6, 4, 6),
        ([(0, "created", "a"), (2, "pause_requested", "a"), (3, "failed", "a", "pause")], 6, 5, 6),
        ([(0, "created", "a"), (2, "deleted", "a"), (3, "cancelled", "a", "delete")], 6, 5, 6),
        ([(0, "created", "a"), (2, "deleted", "a"), (3, "failed", "a", "delete")], 6, 2, 6),
        ([(0, "failed", "a", "create")], 6, 0, 0),
        ([(0, "failed", "a", "create"), (1, "repaired", "a")], 6, 5, 5),
        ([(0, "created", "a"), (2, "rotated", "a"), (3, "failed", "a", "update")], 6, 6, 6),
    ],
)
def test_what_is_billed(events, until, compute, stored):
    assert seconds(told(*events), until) == (compute * 3600, stored * 3600)


def test_a_paused_service_in_the_bin_comes_back_running():
    events = told((0, "created", "a"), (1, "pause_requested", "a"), (2, "deleted", "a"))
    back = told((3, "cancelled", "a", "delete"))
    assert seconds(events + back, 5) == (3600, 5 * 3600)


def test_a_purge_that_is_withdrawn_leaves_what_is_in_the_bin_at_rest():
    events = told((0, "created", "a"), (1, "deleted", "a"), (2, "binned", "a"))
    withdrawn = told((3, "cancelled", "a", "purge"))
    assert seconds(events + withdrawn, 6) == (3600, 6 * 3600)


def test_plans_and_days_are_told_apart():
    times = day_times(
        told((0, "created", "a"), (6, "changed", "b")), MONTH, NOON + timedelta(hours=24)
    )
    fifth, sixth = date(2026, 10, 5), date(2026, 10, 6)
    assert {key: t.compute // 3600 for key, t in times.items()} == {
        (fifth, "a"): 6,
        (fifth, "b"): 6,
        (sixth, "b"): 12,
    }


def test_a_short_run_is_billed_for_a_minute():
    events = told((0, "created", "a"), (0.005, "pause_requested", "a"))
    assert seconds(events, 2) == (60, 7200)


def test_the_least_minute_never_bills_a_second_twice():
    soon = [
        Happening(NOON, "created", "a"),
        Happening(NOON + timedelta(seconds=10), "pause_requested", "a"),
        Happening(NOON + timedelta(seconds=30), "resumed", "a"),
    ]
    assert seconds(soon, 1) == (3600, 3600)


def test_what_still_runs_is_not_lengthened():
    events = [Happening(NOON, "created", "a")]
    times = day_times(events, MONTH, NOON + timedelta(seconds=7))
    assert [t.compute for t in times.values()] == [7]


def test_no_more_than_730_hours_of_a_month_and_the_last_ones_are_free():
    long_ago = [Happening(datetime(2026, 9, 1, tzinfo=UTC), "created", "a")]
    times = day_times(long_ago, MONTH, datetime(2026, 11, 20, tzinfo=UTC))
    assert sum(t.compute for t in times.values()) == CAP_SECONDS
    assert sum(t.compute_consumed for t in times.values()) == 744 * 3600
    assert times[(date(2026, 10, 31), "a")].compute == 10 * 3600
    assert {day.month for day, _ in times} == {10}


def test_the_cap_counts_all_plans_of_an_instance():
    events = [
        Happening(datetime(2026, 9, 1, tzinfo=UTC), "created", "a"),
        Happening(datetime(2026, 10, 31, tzinfo=UTC), "changed", "b"),
    ]
    times = day_times(events, MONTH, datetime(2026, 11, 1, tzinfo=UTC))
    assert times[(date(2026, 10, 31), "b")].compute == 10 * 3600


def test_parts_of_a_second_are_cut_off():
    events = [
        Happening(NOON + timedelta(microseconds=999_999), "created", "a"),
        Happening(NOON + timedelta(seconds=90, microseconds=1), "pause_requested", "a"),
    ]
    assert seconds(events, 1)[0] == 90
