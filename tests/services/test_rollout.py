"""What is behind today's rendering, and rollouts that bring it in batches within windows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import translation

from portal.audit.models import AuditEvent
from portal.kernel import clock
from portal.kernel.actor import SYSTEM
from portal.kernel.errors import Conflict, Invalid, NotPermitted, Permanent, Temporary
from services.backends.fake import FakeBackend
from services.instances import actions, rollout, windows
from services.instances.models import Instance, Operation, Rollout
from services.regions.models import Region
from tests.makers import (
    drive,
    make_instance,
    make_member,
    make_owner,
    make_project,
    make_region,
    make_staff,
    make_token,
    signed_in,
)

pytestmark = [pytest.mark.walk, pytest.mark.django_db, pytest.mark.usefixtures("prices")]


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    """What commands and refusals say is read here, whatever an earlier request's language was."""
    with translation.override("en"):
        yield


@pytest.fixture
def region() -> Region:
    return make_region()


@pytest.fixture
def services(fake: FakeBackend, region: Region) -> list[Instance]:
    """Three that were applied by the release before."""
    project = make_project()
    made = [make_instance(project, region, name=f"db-{n}") for n in range(3)]
    open_windows()
    fake.release = 2
    return made


def open_windows() -> None:
    """At any time of a run."""
    for instance in Instance.objects.select_related("project"):
        local = clock.now().astimezone(windows.zone_of(instance))
        Instance.objects.filter(pk=instance.pk).update(window_hour=local.hour)


def started(region: Region, **words: Any) -> Rollout:
    return rollout.start(actor=SYSTEM, region=region, pause_minutes=0, **words)


def repairs(state: str = "") -> list[Operation]:
    rows = Operation.objects.filter(kind="repair").order_by("pk")
    return list(rows.filter(state=state) if state else rows)


def turn() -> None:
    """A beat, and workers that finish what it began."""
    rollout.advance()
    for operation in repairs("pending"):
        drive(operation)


def told(found: Rollout) -> tuple[str, str, dict[str, int]]:
    found.refresh_from_db()
    return found.state, found.ended_by, dict(rollout.rollouts(SYSTEM))[found]


def run(*words: str) -> str:
    out = StringIO()
    call_command("rollout", *words, stdout=out)
    return out.getvalue()


# -- what is behind --------------------------------------------------------------------------------


def test_nothing_is_behind_where_nothing_changed(services, fake, region):
    fake.release = 1
    assert list(rollout.plan(SYSTEM)) == []
    assert "as it would be rendered" in run("plan")
    with pytest.raises(Conflict, match="differs from what was applied"):
        started(region)


def test_the_plan_names_what_would_change_and_changes_nothing(services, fake, region):
    said = run("plan", "--region", "local", "--offering", "postgresql")
    assert [one.public_id in said for one in services] == [True] * 3
    assert "local, postgresql:" in said
    assert "changed image" in said
    assert "restarts, window every-day" in said
    assert "3 behind." in said
    assert repairs() == []
    assert "as it would be rendered" in run("plan", "--offering", "redis")


def test_paused_ones_need_no_rollout(services, fake):
    drive(actions.pause(actor=SYSTEM, instance=services[0]))
    assert {one.instance.pk for one in rollout.plan(SYSTEM)} == {s.pk for s in services[1:]}


def test_what_cannot_be_told_is_said(services, fake, region, monkeypatch):
    def unsure(*_: Any) -> Any:
        raise Temporary("secrets-missing")

    monkeypatch.setattr(fake, "behind", unsure)
    assert run("plan").count("cannot be told: secrets-missing") == 3


# -- batches ---------------------------------------------------------------------------------------


def test_it_goes_batch_by_batch_to_its_end(services, fake, region):
    found = started(region, batch=2)
    assert repairs() == []  # the command itself touches nothing
    rollout.advance()
    assert len(repairs()) == 2
    rollout.advance()
    assert len(repairs()) == 2  # the next batch waits until this one has ended
    turn()
    turn()
    turn()
    assert told(found) == ("finished", "done", {"done": 3})
    assert [one.state for one in repairs()] == ["succeeded"] * 3
    assert list(rollout.plan(SYSTEM)) == []


def test_it_pauses_between_batches(services, fake, region):
    found = rollout.start(actor=SYSTEM, region=region, batch=1, pause_minutes=10)
    turn()
    turn()
    assert len(repairs()) == 1
    Rollout.objects.update(next_batch_at=clock.now() - timedelta(seconds=1))
    turn()
    assert len(repairs()) == 2
    assert told(found)[0] == "running"


def test_it_waits_for_the_window_of_each(services, fake, region):
    outside = clock.now().astimezone(windows.zone_of(services[0])) + timedelta(hours=6)
    Instance.objects.filter(pk=services[0].pk).update(window_hour=outside.hour)
    found = started(region)
    turn()
    turn()
    assert told(found) == ("running", "", {"waiting": 1, "done": 2})
    open_windows()
    turn()
    turn()
    assert told(found) == ("finished", "done", {"done": 3})


def test_it_stops_itself_after_too_many_failures_and_goes_on_when_told(services, fake, region):
    found = started(region, batch=1)
    fake.faults = [Permanent("object-refused", detail="denied")]
    turn()
    turn()
    assert told(found) == ("stopped", "failures", {"failed": 1, "waiting": 2})
    assert "failed: object-refused" in run("list")
    rollout.advance()
    assert len(repairs()) == 1
    run("start", found.public_id)
    for _ in range(4):
        turn()
    assert told(found) == ("finished", "done", {"done": 3})


def test_failures_that_are_allowed_do_not_stop_it(services, fake, region):
    found = started(region, batch=1, failures_allowed=1)
    fake.faults = [Permanent("object-refused")]
    for _ in range(4):
        turn()
    assert told(found) == ("finished", "done", {"failed": 1, "done": 2})


def test_stopped_by_hand_it_ends_after_the_batch_and_can_go_on(services, fake, region):
    found = started(region, batch=1)
    rollout.advance()
    run("stop", found.public_id, "--reason", "too slow")
    drive(repairs()[0])
    turn()
    assert len(repairs()) == 1
    rollout.resume(actor=SYSTEM, rollout=found)
    assert told(found)[2] == {"done": 1, "waiting": 2}
    for _ in range(3):
        turn()
    assert told(found) == ("finished", "done", {"done": 3})
    verbs = AuditEvent.objects.filter(chain="provider", verb__startswith="rollout.")
    said = list(verbs.order_by("pk").values_list("verb", "reason"))
    assert said == [
        ("rollout.start", ""),
        ("rollout.stop", "too slow"),
        ("rollout.resume", ""),
        ("rollout.finish", ""),
    ]


def test_what_changed_meanwhile_is_left_out(services, fake, region):
    found = started(region)
    drive(actions.repair(actor=SYSTEM, instance=services[0]))
    drive(actions.pause(actor=SYSTEM, instance=services[1]))
    busy = actions.rotate(actor=SYSTEM, instance=services[2])
    turn()
    assert told(found)[2] == {"left_out": 2, "waiting": 1}
    drive(busy)
    turn()
    turn()
    assert told(found) == ("finished", "done", {"left_out": 2, "done": 1})


def test_a_region_that_does_not_answer_holds_it_up(services, fake, region, monkeypatch):
    found = started(region)

    def away(*_: Any) -> Any:
        raise Temporary("region-unreachable")

    with monkeypatch.context() as patch:
        patch.setattr(fake, "behind", away)
        turn()
        with pytest.raises(CommandError, match="does not answer"):
            run("plan")
    assert told(found)[2] == {"waiting": 3}
    turn()
    turn()
    assert told(found)[0] == "finished"


# -- rules -----------------------------------------------------------------------------------------


def test_one_at_a_time_in_a_region(services, fake, region):
    first = started(region)
    with pytest.raises(Conflict, match="already"):
        started(region)
    with pytest.raises(Conflict, match="not stopped"):
        rollout.resume(actor=SYSTEM, rollout=first)
    rollout.stop(actor=SYSTEM, rollout=first)
    with pytest.raises(Conflict, match="does not run"):
        rollout.stop(actor=SYSTEM, rollout=first)
    started(region)
    with pytest.raises(Conflict, match="already"):
        rollout.resume(actor=SYSTEM, rollout=first)


def test_words_that_mean_nothing_are_refused(services, fake, region):
    with pytest.raises(Invalid) as refused:
        rollout.start(actor=SYSTEM, region=region, batch=0, pause_minutes=-1, failures_allowed=-1)
    assert set(refused.value.fields) == {"batch", "pause", "failures"}
    for words in (
        ["stop", "ro-00000000"],
        ["plan", "--region", "nope"],
        ["plan", "--offering", "x"],
    ):
        with pytest.raises(CommandError, match="There is no"):
            run(*words)


def test_only_staff_may(services, fake, region):
    owner = make_owner(services[0].project)
    found = rollout.start(actor=make_staff(), region=region)
    for act in (
        lambda: list(rollout.plan(owner)),
        lambda: rollout.rollouts(owner),
        lambda: rollout.start(actor=owner, region=region),
        lambda: rollout.stop(actor=owner, rollout=found),
        lambda: rollout.resume(actor=owner, rollout=found),
    ):
        with pytest.raises(NotPermitted):
            act()


def test_a_window_is_chosen_by_tenants(services, fake, client, plain_static):
    owner = make_member(services[0].project)
    browser, address = signed_in(client, owner), f"/services/{services[0].public_id}/"
    chosen = {"name": "db-0", "window_day": "sunday", "window_hour": "23"}
    browser.post(f"{address}edit/", chosen)
    services[0].refresh_from_db()
    assert (services[0].window_day, services[0].window_hour) == (6, 23)
    assert "Sunday, 23:00 to 03:00" in browser.get(address).content.decode()
    page = browser.get(f"{address}settings/").content.decode()
    assert '<option value="sunday" selected>Sunday</option>' in page
    wrong = browser.post(f"{address}edit/", {"name": "db-0", "window_day": "x", "window_hour": "²"})
    assert wrong.status_code == 422
    for said in ("Choose a day of the week", "Choose an hour from 0 to 23."):
        assert said in wrong.content.decode()
    browser.post(f"{address}edit/", {"name": "db-0"})
    services[0].refresh_from_db()
    assert (services[0].window_day, services[0].window_hour) == (6, 23)


def test_a_window_is_chosen_over_the_api(services, fake, client):
    token = make_token(make_member(services[0].project))
    address = f"/api/v1/instances/{services[0].public_id}"

    def patch(**fields: Any) -> Any:
        return client.patch(
            address,
            fields,
            content_type="application/json",
            headers={"Authorization": f"Bearer {token}"},
        )

    said = patch(window_day="monday", window_hour=0).json()
    assert (said["window_day"], said["window_hour"]) == ("monday", 0)
    assert patch(window_day="every-day").json()["window_hour"] == 0
    assert patch(window_day="someday").status_code == 422
    assert patch(window_hour=24).status_code == 422


# -- windows ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "hour", "now", "opens"),
    [
        pytest.param(None, 2, "2026-06-01 00:00", True, id="its first minute, in Amsterdam"),
        pytest.param(None, 2, "2026-05-31 23:59", False, id="a minute before"),
        pytest.param(None, 2, "2026-06-01 04:00", False, id="its end"),
        pytest.param(None, 2, "2026-12-01 04:59", True, id="in winter an hour later"),
        pytest.param(0, 2, "2026-06-01 01:00", True, id="on its day"),
        pytest.param(1, 2, "2026-06-01 01:00", False, id="on another day"),
        pytest.param(6, 23, "2026-05-31 23:30", True, id="over midnight"),
        pytest.param(0, 23, "2026-05-31 23:30", False, id="not the midnight before"),
    ],
)
def test_a_window_is_open(day, hour, now, opens):
    project = make_project()  # Europe/Amsterdam
    instance = Instance(project=project, window_day=day, window_hour=hour)
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)
    assert windows.is_open(instance, moment) is opens
