"""Spare capacity: who gets it, who is told to leave, and when it goes on."""

from datetime import timedelta
from decimal import Decimal

import pytest

from billing.orders import ordering
from billing.spot import resuming
from portal.kernel import clock
from portal.kernel.actor import SYSTEM
from portal.kernel.errors import Conflict, Invalid, NotPermitted, Permanent
from portal.outbox.models import OutboxEntry
from services.instances import actions, interruptions, spare
from services.instances.models import Instance, InstanceEvent, Operation, SpotInterruption
from services.instances.operations import is_cancellable
from services.regions.models import Region
from tests.makers import (
    drive,
    make_instance,
    make_owner,
    make_project,
    make_region,
    make_staff,
    order,
)

pytestmark = [pytest.mark.walk, pytest.mark.django_db, pytest.mark.usefixtures("prices", "fake")]


@pytest.fixture
def now(monkeypatch):
    """A clock that stands still until it is told."""
    at = [clock.now()]
    monkeypatch.setattr(clock, "now", lambda: at[0])
    return lambda **passed: at.__setitem__(0, at[0] + timedelta(**passed))


@pytest.fixture
def region():
    return make_region(spot_vcpu=8)


@pytest.fixture
def project():
    return make_project()


def offer(region, vcpu):
    return interruptions.offer_spare(actor=make_staff(), region=region, vcpu=Decimal(vcpu))


def made(project, region, **fields):
    fields = {"offering": "redis", "plan": "single-2x4", "spot": True, **fields}
    return make_instance(project, region, **fields)


def phase(instance):
    return Instance.objects.get(pk=instance.pk).phase


def look():
    """What beat does; workers then do what was asked for."""
    interruptions.sweep()
    resuming.resume_waiting()
    for operation in Operation.objects.filter(state__in=["pending", "running"]):
        drive(operation)
    interruptions.sweep()


def test_there_is_none_unless_staff_offers_it(project):
    region = make_region()
    with pytest.raises(Conflict) as refused:
        order(project, region, offering="redis", plan="single-2x4", spot=True)
    assert refused.value.code == "no-spare-capacity"
    assert not Instance.objects.exists()


def test_it_is_given_until_it_is_used_up(project, region):
    for _ in range(4):
        made(project, region)
    assert spare.spare_of(region) == spare.Spare(Decimal(8), Decimal(8))
    with pytest.raises(Conflict):
        order(project, region, offering="redis", plan="dev-1x1", spot=True)
    make_instance(project, region, offering="redis", plan="dev-1x1")  # at list price


@pytest.mark.parametrize(
    ("offering", "plan"),
    [("redis", "ha-2x8"), ("postgresql", "single-2x8"), ("kubernetes", "dev-2x4")],
)
def test_plans_that_people_depend_on_cannot_be_had(project, region, offering, plan):
    with pytest.raises(Invalid) as refused:
        order(project, region, offering=offering, plan=plan, spot=True)
    assert "spot" in refused.value.fields


def test_only_staff_takes_it_back(project, region):
    with pytest.raises(NotPermitted):
        interruptions.offer_spare(actor=make_owner(project), region=region, vcpu=Decimal(0))
    assert Region.objects.get().spot_vcpu == 8


def test_the_newest_is_told_first_and_everybody_hears(project, region, now):
    old = made(project, region)
    now(minutes=1)
    new = made(project, region)
    (told,) = offer(region, 3)
    assert told.instance == new
    assert told.due_at == told.noticed_at + timedelta(minutes=2)
    assert InstanceEvent.objects.get(code="spot_notice").instance == new
    entry = OutboxEntry.objects.get(kind="service.spot_notice")
    assert (entry.target, entry.params["due_at"]) == (new.public_id, told.due_at.isoformat())
    assert offer(region, 3) == []  # once
    assert interruptions.interruption_of(old) is None


def test_two_minutes_later_it_is_paused_and_goes_on_when_there_is_room(project, region, now):
    instance = made(project, region)
    offer(region, 0)
    now(seconds=119)
    look()
    assert phase(instance) == "running"
    now(seconds=1)
    look()
    assert phase(instance) == "paused"
    pause = Operation.objects.get(kind="pause")
    assert (pause.requested_by, pause.reason) == ("Polder", "spot")
    look()
    assert phase(instance) == "paused"  # there is no room yet
    offer(region, 2)
    look()
    assert phase(instance) == "running"
    row = SpotInterruption.objects.get()
    assert (row.state, row.why) == ("ended", "resumed")
    events = InstanceEvent.objects.filter(instance=instance).order_by("pk")
    assert list(events.values_list("code", flat=True))[2:] == [
        "spot_notice",
        "pause_requested",
        "paused",
        "resumed",
        "spot_resumed",
    ]


def test_the_oldest_goes_on_first_and_a_large_one_holds_up_no_small_one(project, region, now):
    large = made(project, region, offering="nats", plan="single-4x16")
    now(minutes=1)
    small = made(project, region, plan="dev-1x1")
    now(minutes=1)
    last = made(project, region, plan="dev-1x1")
    offer(region, 0)
    now(minutes=2)
    look()
    assert [phase(one) for one in (large, small, last)] == ["paused"] * 3
    offer(region, 1)
    look()
    assert [phase(one) for one in (large, small, last)] == ["paused", "running", "paused"]
    offer(region, 5)
    look()
    assert [phase(one) for one in (large, small, last)] == ["running", "running", "paused"]


def test_nothing_is_doubled_however_often_and_by_whom_it_is_looked_at(project, region, now):
    instance = made(project, region)
    offer(region, 0)
    now(minutes=2)
    for _ in range(3):
        interruptions.sweep()
    assert Operation.objects.filter(kind="pause").count() == 1
    drive(Operation.objects.get(kind="pause"))
    for _ in range(3):
        interruptions.sweep()
        resuming.resume_waiting()
    assert phase(instance) == "paused"
    assert SpotInterruption.objects.get().state == "interrupted"


def test_a_pause_that_failed_is_asked_for_again(project, region, now, fake):
    made(project, region)
    offer(region, 0)
    now(minutes=2)
    interruptions.sweep()
    first = Operation.objects.get(kind="pause")
    fake.faults = [Permanent("engine-crashed", detail="no")]
    assert drive(first).state == "failed"
    interruptions.sweep()
    assert Operation.objects.filter(kind="pause").count() == 1
    now(minutes=1)
    interruptions.sweep()
    assert Operation.objects.filter(kind="pause").count() == 2


def test_its_tenant_cannot_put_an_interruption_off(project, region, now):
    owner, instance = make_owner(project), made(project, region)
    offer(region, 0)
    free = actions.edit(actor=owner, instance=instance, protected=False)
    drive(actions.rotate(actor=owner, instance=free))  # still two minutes
    now(minutes=2)
    for begin in (
        lambda: actions.rotate(actor=owner, instance=instance),
        lambda: ordering.change_order(actor=owner, instance=instance, plan="dev-1x1"),
    ):
        with pytest.raises(Conflict) as refused:
            begin()
        assert refused.value.code == "being-interrupted"
    interruptions.sweep()
    pause = Operation.objects.get(kind="pause")
    assert not is_cancellable(pause)
    with pytest.raises(Conflict) as refused:
        actions.cancel(actor=owner, operation=pause)
    assert refused.value.code == "being-interrupted"
    assert "is being interrupted" in refused.value.text
    drive(pause)
    assert phase(instance) == "paused"


def test_a_pause_that_a_delete_took_over_is_asked_for_at_once_again(project, region, now):
    owner, instance = make_owner(project), made(project, region)
    actions.edit(actor=owner, instance=instance, protected=False)
    offer(region, 0)
    now(minutes=2)
    interruptions.sweep()
    deletion = actions.delete(actor=owner, instance=instance)
    actions.cancel(actor=owner, operation=deletion)
    assert drive(deletion).state == "cancelled"
    interruptions.sweep()
    assert Operation.objects.filter(kind="pause").count() == 2
    assert phase(instance) == "pausing"


def test_a_pause_that_its_tenant_asked_for_may_be_cancelled(project, region, now):
    owner, instance = make_owner(project), made(project, region)
    pause = actions.pause(actor=owner, instance=instance, reason="spot")
    assert is_cancellable(pause)
    actions.cancel(actor=owner, operation=pause)
    assert drive(pause).state == "cancelled"


def test_staff_may_cancel_an_interruption(project, region, now):
    made(project, region)
    offer(region, 0)
    now(minutes=2)
    interruptions.sweep()
    pause = Operation.objects.get(kind="pause")
    actions.cancel(actor=make_staff(), operation=pause)
    assert drive(pause).state == "cancelled"


def test_room_in_time_takes_the_notice_back(project, region, now):
    instance = made(project, region)
    offer(region, 0)
    now(seconds=60)
    offer(region, 2)
    now(seconds=90)
    look()
    assert phase(instance) == "running"
    assert SpotInterruption.objects.get().why == "withdrawn"
    assert OutboxEntry.objects.filter(kind="service.spot_withdrawn").count() == 1


def test_what_others_leave_in_time_counts_too(project, region, now):
    old = made(project, region)
    now(minutes=1)
    new = made(project, region)
    offer(region, 2)
    actions.edit(actor=SYSTEM, instance=old, protected=False)
    drive(actions.delete(actor=SYSTEM, instance=old))
    now(minutes=2)
    look()
    assert phase(new) == "running"
    assert SpotInterruption.objects.get().why == "withdrawn"


def test_its_tenant_may_pause_it_meanwhile_and_then_it_stays_so(project, region, now):
    instance = made(project, region)
    offer(region, 0)
    drive(actions.pause(actor=SYSTEM, instance=instance))
    now(minutes=2)
    look()
    assert SpotInterruption.objects.get().why == "paused"
    offer(region, 8)
    look()
    assert phase(instance) == "paused"


def test_its_tenant_may_delete_it_while_it_is_interrupted(project, region, now):
    instance = made(project, region, protected=False)
    offer(region, 0)
    now(minutes=2)
    look()
    drive(actions.delete(actor=SYSTEM, instance=instance))
    offer(region, 8)
    look()
    assert phase(instance) == "in_bin"
    assert SpotInterruption.objects.get().why == "deleted"


def test_nobody_goes_on_without_room(project, region, now):
    instance = made(project, region)
    offer(region, 0)
    now(minutes=2)
    look()
    with pytest.raises(Conflict) as refused:
        ordering.resume_order(actor=SYSTEM, instance=instance)
    assert refused.value.code == "no-spare-capacity"


def test_a_larger_plan_needs_room_and_must_be_one_that_may_be_spot(project, region):
    instance = made(project, region, plan="dev-1x1")
    offer(region, 1)
    with pytest.raises(Conflict) as refused:
        ordering.change_order(actor=SYSTEM, instance=instance, plan="single-2x4")
    assert refused.value.code == "no-spare-capacity"
    with pytest.raises(Invalid):
        ordering.change_order(actor=SYSTEM, instance=instance, plan="ha-2x8")
    offer(region, 2)
    drive(ordering.change_order(actor=SYSTEM, instance=instance, plan="single-2x4"))
    assert spare.spare_of(region).left == 0


def test_a_suspended_organisation_stays_paused(project, region, now):
    instance = made(project, region)
    offer(region, 0)
    now(minutes=2)
    look()
    type(project.organisation).objects.update(suspended_at=clock.now())
    offer(region, 8)
    look()
    assert phase(instance) == "paused"
