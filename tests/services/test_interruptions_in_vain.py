"""What runs on spare capacity when something fails, is tried again, or comes at the same time."""

import pytest

from billing.spot import resuming
from portal.kernel.actor import SYSTEM
from portal.kernel.errors import Conflict, Permanent
from services.instances import actions, interruptions, spare
from services.instances.models import Instance, Operation, SpotInterruption
from services.regions.models import Quota
from tests.makers import drive, make_owner, order
from tests.services.test_interruptions import look, made, now, offer, phase, project, region

__all__ = ["now", "project", "region"]  # fixtures
pytestmark = [pytest.mark.walk, pytest.mark.django_db, pytest.mark.usefixtures("prices", "fake")]


def interrupted(made, region, now):
    """Paused, and waiting; there is no room."""
    offer(region, 0)
    now(minutes=2)
    look()
    assert [phase(one) for one in made] == ["paused"] * len(made)


def why(instance):
    return list(SpotInterruption.objects.filter(instance=instance).values_list("state", "why"))


def test_a_create_that_is_tried_again_counts_and_leaves_nothing_behind(project, region, fake):
    fake.faults = [Permanent("engine-crashed", detail="no")]
    failed = drive(order(project, region, offering="redis", plan="single-2x4", spot=True))
    again = actions.retry(actor=SYSTEM, operation=failed)
    assert phase(failed.instance) == "creating"
    drive(again)
    assert spare.spare_of(region).used == 2
    drive(actions.purge(actor=SYSTEM, instance=again.instance))
    assert not Quota.objects.exclude(used=0).exists()


@pytest.mark.parametrize("kind", ["create", "resume", "undelete", "update"])
def test_what_is_tried_again_needs_room_too(kind, project, region, fake):
    plan = "dev-1x1" if kind == "update" else "single-2x4"
    if kind != "create":
        instance = made(project, region, plan=plan)
    match kind:
        case "create":
            operation = order(project, region, offering="redis", plan=plan, spot=True)
        case "resume":
            drive(actions.pause(actor=SYSTEM, instance=instance))
            operation = actions.resume(actor=SYSTEM, instance=instance)
        case "undelete":
            actions.edit(actor=SYSTEM, instance=instance, protected=False)
            drive(actions.delete(actor=SYSTEM, instance=instance))
            operation = actions.undelete(actor=SYSTEM, instance=instance)
        case _:
            operation = actions.update(actor=SYSTEM, instance=instance, plan="single-2x4")
    fake.faults = [Permanent("engine-crashed", detail="no")]
    assert drive(operation).state == "failed"
    offer(region, 1)
    with pytest.raises(Conflict) as refused:
        actions.retry(actor=SYSTEM, operation=operation)
    assert refused.value.code == "no-spare-capacity"
    offer(region, 2)
    assert drive(actions.retry(actor=SYSTEM, operation=operation)).state == "succeeded"


def test_capacity_may_be_taken_back_while_one_goes_on(project, region, now):
    old = made(project, region)
    now(minutes=1)
    new = made(project, region)
    interrupted([old, new], region, now)
    offer(region, 4)
    resuming.resume_waiting()
    assert [phase(old), phase(new)] == ["resuming"] * 2
    assert offer(region, 2) == []
    for operation in Operation.objects.filter(kind="resume"):
        drive(operation)
    interruptions.sweep()
    assert why(old) == [("ended", "resumed")]
    assert why(new) == [("ended", "resumed"), ("noticed", "")]


def test_capacity_may_be_taken_back_before_it_is_seen_that_one_went_on(project, region, now):
    instance = made(project, region)
    interrupted([instance], region, now)
    offer(region, 2)
    resuming.resume_waiting()
    drive(Operation.objects.get(kind="resume"))
    assert len(offer(region, 0)) == 1
    assert why(instance) == [("ended", "resumed"), ("noticed", "")]


def test_what_fails_after_it_went_on_waits_no_longer(project, region, now):
    instance = made(project, region)
    interrupted([instance], region, now)
    offer(region, 2)
    resuming.resume_waiting()
    drive(Operation.objects.get(kind="resume"))
    Instance.objects.update(observed="failed", phase="failed")
    assert offer(region, 1) == []  # it cannot be paused
    interruptions.sweep()
    assert why(instance) == [("ended", "resumed")]


def test_a_bug_at_one_holds_up_no_other(project, region, now, monkeypatch):
    first, second = made(project, region), made(project, region)
    offer(region, 0)
    now(minutes=2)
    pause = actions.pause

    def broken(*, instance, **rest):
        if instance == second:
            raise ZeroDivisionError
        return pause(instance=instance, **rest)

    monkeypatch.setattr(actions, "pause", broken)
    interruptions.sweep()
    assert [phase(first), phase(second)] == ["pausing", "running"]


@pytest.mark.parametrize("how", ["failed", "cancelled"])
def test_room_takes_the_notice_back_after_a_pause_that_ended_in_vain(
    how, project, region, now, fake
):
    instance = made(project, region)
    offer(region, 0)
    now(minutes=2)
    interruptions.sweep()
    operation = Operation.objects.get(kind="pause")
    if how == "failed":
        fake.faults = [Permanent("engine-crashed", detail="no")]
    else:
        actions.cancel(actor=SYSTEM, operation=operation)
    assert drive(operation).state == how
    offer(region, 2)
    assert why(instance) == [("ended", "withdrawn")]
    now(minutes=1)
    look()
    assert phase(instance) == "running"


def test_what_its_tenant_resumed_before_we_saw_its_pause_goes_on(project, region, now):
    instance = made(project, region)
    offer(region, 0)
    now(minutes=2)
    interruptions.sweep()
    drive(Operation.objects.get(kind="pause"))
    offer(region, 2)
    resume = actions.resume(actor=SYSTEM, instance=instance)
    interruptions.sweep()
    assert why(instance) == [("interrupted", "")]
    drive(resume)
    look()
    assert phase(instance) == "running"
    assert why(instance) == [("ended", "resumed")]


def test_and_the_same_where_no_sweep_came_between(project, region, now):
    instance = made(project, region)
    offer(region, 0)
    now(minutes=2)
    interruptions.sweep()
    drive(Operation.objects.get(kind="pause"))
    offer(region, 2)
    drive(actions.resume(actor=SYSTEM, instance=instance))
    look()
    assert phase(instance) == "running"
    assert why(instance) == [("ended", "resumed")]


def test_what_frees_nothing_is_not_told(project, region, now, fake):
    running = made(project, region)
    now(minutes=1)
    down = made(project, region)
    Instance.objects.filter(pk=down.pk).update(observed="failed", phase="failed")
    now(minutes=1)
    fake.faults = [Permanent("engine-crashed", detail="no")]
    drive(order(project, region, offering="redis", plan="single-2x4", spot=True))
    assert [row.instance for row in offer(region, 3)] == [running]


def test_what_fails_under_notice_makes_no_room(project, region, now, caplog):
    old = made(project, region)
    now(minutes=1)
    new = made(project, region)
    assert [row.instance for row in offer(region, 2)] == [new]
    Instance.objects.filter(pk=new.pk).update(observed="failed", phase="failed")
    now(minutes=2)
    interruptions.sweep()
    assert why(old) == [("noticed", "")]
    assert "spot.waits" not in caplog.text


def test_a_resume_that_fails_is_tried_again_later_each_time(project, region, now, fake):
    instance = made(project, region)
    interrupted([instance], region, now)
    offer(region, 2)
    times = 0
    for _ in range(16):  # four minutes
        fake.faults = [Permanent("engine-crashed", detail="no")]
        times += resuming.resume_waiting()
        for operation in Operation.objects.filter(kind="resume", state="pending"):
            assert drive(operation).state == "failed"
        interruptions.sweep()
        now(seconds=15)
    assert times == 3  # at once, after one minute, and after two more
    fake.faults = []
    now(minutes=3)
    look()
    assert why(instance) == [("ended", "resumed")]


def test_a_resume_that_a_person_cancelled_is_theirs(project, region, now):
    instance = made(project, region)
    interrupted([instance], region, now)
    offer(region, 2)
    assert resuming.resume_waiting() == 1
    operation = Operation.objects.get(kind="resume")
    actions.cancel(actor=make_owner(project), operation=operation)
    assert drive(operation).state == "cancelled"
    now(minutes=2)
    assert resuming.resume_waiting() == 0
    interruptions.sweep()
    assert why(instance) == [("ended", "paused")]
    assert phase(instance) == "paused"
