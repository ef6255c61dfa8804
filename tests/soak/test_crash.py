"""The short form of the crash test, for every run of the suite; `make soak` runs the long one."""

import pytest

from tests.soak.crash import run

pytestmark = pytest.mark.soak


def test_nothing_is_lost_doubled_or_left_over():
    tally = run(worker=30, broker=10, database=10)
    print(tally)
    assert tally.kills == {"worker": 30, "broker": 10, "database": 10}
    assert tally.faults == []
