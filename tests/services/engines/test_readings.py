"""Real servers are measured: work shows in their processor time, clients in their connections."""

import time

from services.spec import Reading
from tests.services.engines.test_postgresql import connect

_WORK = "select count(*) from generate_series(1, 4000000) as n where n % 7 = 3"


def reading(handle) -> Reading:
    return handle.backend.readings([(handle.entry, handle.spec)])[handle.spec.name]


def test_work_shows_in_the_processor_time(run_offering):
    handle = run_offering("postgresql")
    with connect(handle) as c:
        before, began = reading(handle), time.monotonic()
        c.execute(_WORK)
        after, passed = reading(handle), time.monotonic() - began
    assert 100 < after.cpu_milliseconds - before.cpu_milliseconds < 1100 * passed
    assert 10 < after.memory_mib < handle.spec.plan.memory_mib


def test_clients_are_told_from_polder_s_own_looks(run_offering, monkeypatch):
    handle = run_offering("postgresql")
    monkeypatch.setattr("services.backends.process.readings._ours", lambda *_: set())
    with connect(handle), connect(handle):
        assert reading(handle).connections == 2
    monkeypatch.undo()
    with connect(handle):
        assert reading(handle).connections == 0


def test_what_is_paused_is_left_out(run_offering):
    handle = run_offering("postgresql")
    handle.pause()
    assert handle.backend.readings([(handle.entry, handle.spec)]) == {}
