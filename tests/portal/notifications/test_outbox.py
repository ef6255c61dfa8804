"""The outbox, and who hears of what lies in it."""

import ast
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from threading import Barrier, Thread
from unittest.mock import patch

import pytest
from django.db import connections, transaction

from portal.kernel import clock
from portal.kernel.errors import Permanent
from portal.notifications import fanout, kinds, upkeep
from portal.notifications.models import Mailing, Notification
from portal.outbox.actions import notify
from portal.outbox.models import OutboxEntry
from portal.tenancy.permissions import Role
from services.instances import upkeep as observing
from services.instances.models import Instance
from services.spec import Observation, Observed
from tests.makers import (
    actor_for,
    drive,
    make_instance,
    make_member,
    make_project,
    make_quota,
    make_user,
    order,
)
from tests.portal.notifications.telling import fan_out_all, heard, tell

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("prices", "plain_static")]
ROOT = Path(__file__).parents[3]


# -- the outbox ------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_an_entry_belongs_to_a_transaction_and_goes_with_it(project, hints):
    with pytest.raises(RuntimeError):
        notify("service.down", organisation_id=project.organisation_id)
    with transaction.atomic():
        notify("service.down", organisation_id=project.organisation_id)
        transaction.set_rollback(True)
    assert not OutboxEntry.objects.exists()
    assert hints == []
    tell(project)
    assert hints == ["portal.notifications.tasks.fan_out"]


def test_the_sweep_finds_what_the_broker_lost(project):
    owner = make_member(project)
    entry = tell(project)
    upkeep.sweep()
    assert heard(owner) == []  # its message is still on its way
    OutboxEntry.objects.filter(pk=entry.pk).update(at=clock.now() - timedelta(seconds=3))
    upkeep.sweep()
    assert heard(owner) == [("service.down", "orders-db is down")]


def kinds_told() -> Iterator[str]:
    """Every text that stands first in a call of `notify`, or in one of a function that calls it."""
    for package in ("portal", "services", "billing"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                name = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
                if name.endswith(("notify", "_tell_member")):
                    texts = [a.value for a in node.args if isinstance(a, ast.Constant)]
                    yield from texts[:1]


def test_every_kind_that_is_told_is_registered():
    told = set(kinds_told())
    assert told >= {"webhook.disabled", "member.added", "invitation.accepted"}
    assert told <= {kind.code for kind in kinds.for_people()}


# -- fan-out ---------------------------------------------------------------------------------------


def test_who_asked_hears_that_it_is_done(project, region):
    owner, other = make_member(project), make_member(project, Role.OPERATOR)
    drive(order(project, region, actor=actor_for(owner), name="orders-db"))
    fan_out_all()
    assert heard(owner) == [("operation.succeeded", "orders-db runs")]
    assert heard(other) == []


def test_a_failure_reaches_all_who_can_repair_it_and_nobody_else(project, region, fake):
    operator = make_member(project, Role.OPERATOR)
    viewer, stranger = make_member(project, Role.VIEWER), make_member(make_project())
    gone = make_member(project, expires_at=clock.now() - timedelta(days=1))
    left = make_member(project, user=make_user(is_active=False))
    fake.faults = [Permanent("engine-crashed", detail="FATAL: no space")]
    drive(order(project, region, name="orders-db"))
    fan_out_all()
    assert heard(operator) == [("operation.failed", "“Create orders-db” failed")]
    assert [heard(user) for user in (viewer, stranger, gone, left)] == [[], [], [], []]
    assert Mailing.objects.get().user == operator


def test_a_member_of_one_project_hears_nothing_of_another(project, region, fake):
    other = make_project(project.organisation)
    here, there = (make_member(p, Role.OPERATOR, only_project=True) for p in (project, other))
    tell(project)
    fan_out_all()
    assert len(heard(here)) == 1
    assert heard(there) == []


def test_who_asked_and_left_meanwhile_hears_nothing(project):
    stranger = make_user()
    tell(project, "operation.succeeded", asked_by=stranger.email)
    fan_out_all()
    assert heard(stranger) == []


def test_down_and_up_are_told_once_each(project, region, fake):
    owner = make_member(project)
    instance = make_instance(project, region, name="orders-db")
    OutboxEntry.objects.all().delete()
    seen = [Observed.FAILED, Observed.FAILED, Observed.PROGRESSING, Observed.READY, Observed.READY]
    for observed in seen:
        answer = Observation(observed, code="engine-crashed")
        with patch.object(fake, "observe", return_value=answer):
            row = Instance.objects.select_related("project", "region").get(pk=instance.pk)
            observing._observe(row)
    fan_out_all()
    assert heard(owner) == [
        ("service.up", "orders-db is up again"),
        ("service.down", "orders-db is down"),
    ]


def test_people_hear_what_others_did_to_their_role(project):
    from portal.tenancy import members

    owner, user = actor_for(make_member(project)), make_user()
    place = {"organisation": project.organisation}
    member = members.add_member(actor=owner, **place, user=user, role=Role.VIEWER)
    later = clock.now() + timedelta(days=9)
    members.change_member(actor=owner, member=member, expires_at=later)
    members.change_member(actor=owner, member=member, role=Role.ADMIN)
    members.remove_member(actor=owner, member=member)
    fan_out_all()
    name = project.organisation.name
    assert [title for _kind, title in reversed(heard(user))] == [
        f"You are in {name} now, as Viewer",
        f"Your role in {name} is Admin now",
        f"You are no longer in {name}",
    ]
    leaving = members.add_member(actor=owner, **place, user=make_user(), role=Role.VIEWER)
    OutboxEntry.objects.all().delete()
    members.remove_member(actor=actor_for(leaving.user), member=leaving)
    assert not OutboxEntry.objects.exists()


def test_who_asked_for_quota_hears_the_answer(project, region):
    from decimal import Decimal

    from portal.kernel.actor import SYSTEM
    from services.regions import requests

    owner = make_member(project)
    make_quota(project, region, vcpu=8)
    wish = {"project": project, "region": region, "name": "vcpu", "reason": "load"}
    asked = requests.request_quota(actor=actor_for(owner), **wish, limit=Decimal(32))
    requests.refuse_quota_request(actor=SYSTEM, request=asked, answer="The region is full.")
    asked = requests.request_quota(actor=actor_for(owner), **wish, limit=Decimal(32))
    requests.approve_quota_request(actor=SYSTEM, request=asked)
    fan_out_all()
    assert [title for _kind, title in heard(owner)] == [
        "vCPU in Local: the limit is 32 now",
        "vCPU in Local: the limit stays at 8",
    ]


def test_a_delete_tells_that_it_cancelled_what_was_under_way(project, region):
    from services.instances import actions as doing

    owner = actor_for(make_member(project))
    operation = order(project, region, actor=owner, protected=False)
    doing.delete(actor=owner, instance=operation.instance)
    entry = OutboxEntry.objects.get()
    assert (entry.kind, entry.target) == ("operation.cancelled", operation.public_id)


def test_a_fan_out_that_breaks_has_told_nobody_and_comes_back(project):
    owner = make_member(project)
    entry = tell(project)
    with patch.object(Mailing.objects, "bulk_create", side_effect=ZeroDivisionError):
        assert not fanout.fan_out(entry.pk)
    assert not Notification.objects.exists()
    entry.refresh_from_db()
    assert (entry.attempts, entry.done_at) == (1, None)
    assert entry.next_attempt_at > clock.now()
    assert fanout.fan_out(entry.pk)
    assert len(heard(owner)) == 1
    assert not fanout.fan_out(entry.pk)


@pytest.mark.django_db(transaction=True)
def test_many_workers_tell_everybody_once(project):
    owners = [make_member(project) for _ in range(3)]
    entry = tell(project)
    gate, done = Barrier(6), []

    def work() -> None:
        gate.wait()
        done.append(fanout.fan_out(entry.pk))
        connections.close_all()

    threads = [Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == [False] * 5 + [True]
    assert [len(heard(owner)) for owner in owners] == [1, 1, 1]


def test_old_entries_are_forgotten_with_what_hangs_on_them(project, settings):
    make_member(project)
    for days in (0, 100):
        entry = tell(project)
        OutboxEntry.objects.filter(pk=entry.pk).update(at=clock.now() - timedelta(days=days))
    fan_out_all()
    assert upkeep.tidy() == 1
    assert Notification.objects.count() == 1
