"""The history of regions: every change is kept, and time without checks is called unknown."""

from __future__ import annotations

from datetime import timedelta

import pytest

from portal.kernel import clock
from portal.kernel.errors import Temporary
from services.instances.region_health import check_regions
from services.regions import health
from services.regions.models import Region, RegionHealth
from services.spec import Health
from tests.makers import make_region

pytestmark = pytest.mark.django_db


def states() -> list[str]:
    return [row.state for row in RegionHealth.objects.order_by("pk")]


def at(minutes: int):
    return clock.now() + timedelta(minutes=minutes)


def test_only_changes_are_written(fake, monkeypatch):
    make_region()
    check_regions()
    check_regions()
    assert states() == ["ok"]
    monkeypatch.setattr(fake, "check", lambda: Health(False, "disk full"))
    check_regions()
    check_regions()
    assert states() == ["ok", "down"]
    assert RegionHealth.objects.get(state="down").detail == "disk full"
    monkeypatch.undo()


def test_a_backend_that_cannot_be_asked_is_down(fake, monkeypatch):
    def refuse() -> Health:
        raise Temporary("supervisor-down")

    make_region()
    monkeypatch.setattr(fake, "check", refuse)
    check_regions()
    assert [r.code for r in health.silent_regions(clock.now())] == ["local"]
    assert states() == ["down"]
    assert health.silent_regions(at(6)) == []  # what an old check said is not news


def test_a_fault_of_ours_in_one_region_holds_up_no_other(fake, monkeypatch, caplog):
    found = iter([KeyError("metric"), None])

    def check() -> Health:
        if (error := next(found)) is not None:
            raise error
        return Health(True)

    make_region()
    make_region("other")
    monkeypatch.setattr(fake, "check", check)
    check_regions()
    assert states() == ["ok"]
    assert "region.check_failed" in caplog.text


def test_time_without_checks_is_unknown():
    region = make_region()
    began = clock.now()
    health.note_check(region, ok=True, detail="", at=began)
    Region.objects.update(checked_at=began)
    region.refresh_from_db()
    health.note_check(region, ok=True, detail="", at=began + timedelta(hours=2))
    rows = RegionHealth.objects.order_by("pk")
    assert [(row.state, row.at - began) for row in rows] == [
        ("ok", timedelta(0)),
        ("unknown", timedelta(0)),
        ("ok", timedelta(hours=2)),
    ]


def test_history_begins_with_what_held_at_its_start():
    region = make_region()
    now = clock.now()
    for state, days in (("ok", 9), ("down", 5), ("ok", 4)):
        RegionHealth.objects.create(region=region, state=state, at=now - timedelta(days=days))
    found = health.flips_since(now - timedelta(days=4, hours=12))
    assert [flip.state for flip in found] == ["down", "ok"]
