"""Who hears of what, by which way, in which words: outbox, fan-out, bell, choices, mail."""

import ast
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from threading import Barrier, Thread
from unittest.mock import patch

import pytest
from allauth.account.models import EmailAddress
from django.core import mail as sent_mail
from django.db import connections, transaction
from django.test import TestCase
from django.urls import reverse
from kombu.exceptions import OperationalError

from portal.kernel import clock
from portal.kernel.errors import NotFound, NotPermitted, Permanent, Unavailable
from portal.notifications import actions, fanout, kinds, mailing, queries, upkeep
from portal.notifications.models import Mailing, Notification, Preference
from portal.outbox.actions import notify
from portal.outbox.models import OutboxEntry
from portal.tenancy.permissions import Role
from services.instances import upkeep as observing
from services.instances.models import Instance, Operation
from services.spec import Observation, Observed
from tests.makers import (
    actor_for,
    drive,
    make_instance,
    make_member,
    make_project,
    make_quota,
    make_region,
    make_user,
    order,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("prices", "plain_static")]
ROOT = Path(__file__).parents[2]


@pytest.fixture
def project():
    return make_project(slug="shop")


@pytest.fixture
def region(fake):
    return make_region()


def tell(project, kind="service.down", **fields):
    params = fields.pop("params", {"name": "orders-db", "code": None})
    with transaction.atomic():
        return notify(
            kind,
            organisation_id=project.organisation_id,
            project_id=project.pk,
            target=fields.pop("target", "pg-1"),
            params=params,
            **fields,
        )


def fan_out_all():
    for pk in OutboxEntry.objects.filter(done_at=None).values_list("pk", flat=True):
        fanout.fan_out(pk)


def heard(user):
    rows = queries.notifications_for(actor_for(user))
    return [(row.entry.kind, queries.words_of(row.entry).title) for row in rows]


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


# -- words -----------------------------------------------------------------------------------------


def test_every_kind_has_words_for_whatever_a_row_holds():
    for kind in kinds.for_people():
        for params in ({}, {"name": "x", "kind": "no-such", "error": "no-such", "code": "x"}):
            assert kind.title(params)
            assert isinstance(kind.body(params), str)
    assert kinds.get("retired.kind").title({}) == "retired.kind"


def test_an_operation_that_failed_says_why(project, region, fake):
    make_member(project)
    fake.faults = [Permanent("engine-crashed")]
    operation = drive(order(project, region))
    words = queries.words_of(OutboxEntry.objects.get())
    assert "ended again and again" in words.body
    assert words.path == reverse("console:operation", args=[operation.public_id])


# -- the bell --------------------------------------------------------------------------------------


def test_the_bell_counts_and_opening_reads(client, project):
    owner = make_member(project)
    other = make_member(project)
    entry = tell(project)
    fan_out_all()
    client.force_login(owner)
    page = client.get(reverse("console:notifications")).content.decode()
    assert "orders-db is down" in page
    assert 'aria-label="Notifications, 1 unread"' in page
    answer = client.get(reverse("console:notification", args=[entry.public_id]))
    assert (answer.status_code, answer["Location"]) == (303, "/services/pg-1/")
    assert queries.unread_count(actor_for(owner)) == 0
    assert queries.unread_count(actor_for(other)) == 1
    unread = client.get(reverse("console:notifications") + "?unread=1").content.decode()
    assert "Nothing is unread" in unread


def test_the_bell_answers_only_what_is_new(client, project):
    client.force_login(make_member(project))
    bell = reverse("console:bell")
    assert client.get(f"{bell}?seen=0").status_code == 204
    tell(project)
    fan_out_all()
    answer = client.get(f"{bell}?seen=0").content.decode()
    assert 'id="unread"' in answer
    assert 'hx-swap-oob="true"' in answer
    client.post(reverse("console:notifications-read"))
    assert client.get(f"{bell}?seen=0").status_code == 204


def test_nobody_opens_what_others_were_told(client, project):
    entry = tell(project)
    make_member(project)
    fan_out_all()
    with pytest.raises(NotFound):
        actions.open_one(actor=actor_for(make_user()), event=entry.public_id)


def test_a_service_account_has_no_bell():
    from portal.kernel.actor import SYSTEM

    with pytest.raises(NotPermitted):
        queries.unread_count(SYSTEM)


# -- choices ---------------------------------------------------------------------------------------


def test_what_is_switched_off_is_not_told(client, project):
    owner = make_member(project)
    client.force_login(owner)
    address = reverse("console:notification-settings")
    assert b"A service went down" in client.get(address).content
    client.post(address, {"bell": ["operation.failed"], "mail": ["operation.succeeded"]})
    tell(project)
    tell(project, "operation.succeeded", asked_by=owner.email)
    tell(project, "operation.failed")
    fan_out_all()
    assert [kind for kind, _title in heard(owner)] == ["operation.failed"]
    assert Mailing.objects.get().entry.kind == "operation.succeeded"


def test_a_choice_like_the_default_leaves_no_row(project):
    owner = actor_for(make_member(project))
    by_bell = [kind.code for kind in kinds.for_people(staff=False) if kind.bell]
    by_mail = [kind.code for kind in kinds.for_people(staff=False) if kind.mail]
    actions.choose(actor=owner, bell=by_bell, mail=[])
    assert {row.kind for row in Preference.objects.all()} == set(by_mail)
    actions.choose(actor=owner, bell=by_bell, mail=by_mail)
    assert not Preference.objects.exists()


# -- mail ------------------------------------------------------------------------------------------


def test_a_mail_tells_it_in_the_reader_s_language_and_leads_there(project, settings):
    owner = make_member(project, user=make_user(language="de"))
    entry = tell(project)
    fan_out_all()
    assert mailing.send_due() == 1
    message = sent_mail.outbox[0]
    assert message.to == [owner.email]
    assert message.subject == "orders-db ist ausgefallen · Shop"
    assert f"{settings.POLDER_URL}/services/pg-1/" in message.body
    assert f"{settings.POLDER_URL}/services/pg-1/" in message.alternatives[0].content
    assert entry.public_id in message.extra_headers["Message-ID"]
    assert mailing.send_due() == 0


def test_a_burst_comes_as_one_mail(project):
    make_member(project)
    for number in range(20):
        tell(project, params={"name": f"db-{number}"})
    fan_out_all()
    assert mailing.send_due() == 1
    assert sent_mail.outbox[0].subject.startswith("20 notifications")
    assert "db-19 is down" in sent_mail.outbox[0].body


def test_what_drips_in_waits_for_the_minute_to_be_over(project):
    make_member(project)
    for number in range(9):
        tell(project, params={"name": f"db-{number}"})
        fan_out_all()
        mailing.send_due()
    assert len(sent_mail.outbox) == mailing.MOST_A_MINUTE
    waiting = Mailing.objects.filter(ended_at=None)
    assert waiting.count() == 4
    a_minute_ago = clock.now() - timedelta(minutes=1, seconds=1)
    Mailing.objects.filter(sent=True).update(ended_at=a_minute_ago)
    waiting.update(next_attempt_at=clock.now())
    assert mailing.send_due() == 4


def test_a_mail_server_that_is_away_is_asked_again_and_in_the_end_given_up(project):
    make_member(project)
    tell(project)
    fan_out_all()
    with patch("portal.accounts.mail.send", side_effect=Unavailable("away")):
        for attempt in range(mailing.MOST_ATTEMPTS):
            row = Mailing.objects.get()
            assert (row.attempts, row.ended_at) == (attempt, None)
            Mailing.objects.update(next_attempt_at=clock.now())
            mailing.send_due()
            assert Mailing.objects.get().next_attempt_at > clock.now()
    row = Mailing.objects.get()
    assert row.ended_at is not None
    assert not row.sent


def test_a_worker_killed_between_claim_and_mail_loses_nothing(project):
    make_member(project)
    tell(project)
    fan_out_all()
    with (
        patch("portal.accounts.mail.send", side_effect=SystemExit),
        pytest.raises(SystemExit),
    ):
        mailing.send_due()
    assert mailing.send_due() == 0  # the lease still holds
    Mailing.objects.update(lease_until=clock.now() - timedelta(seconds=1))
    assert mailing.send_due() == 1
    assert len(sent_mail.outbox) == 1


@pytest.mark.django_db(transaction=True)
def test_two_workers_send_a_mail_once(project):
    make_member(project)
    tell(project)
    fan_out_all()
    gate = Barrier(4)

    def work() -> None:
        gate.wait()
        for user_id in Mailing.objects.values_list("user_id", flat=True):
            mailing._send_to(user_id)
        connections.close_all()

    threads = [Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(sent_mail.outbox) == 1


def test_nobody_who_left_is_mailed(project):
    owner = make_member(project)
    tell(project)
    fan_out_all()
    owner.is_active = False
    owner.save()
    assert mailing.send_due() == 0
    assert sent_mail.outbox == []


def test_an_address_that_nobody_confirmed_is_not_written_to(project):
    owner = make_member(project)
    address = EmailAddress.objects.create(user=owner, email=owner.email, verified=False)
    tell(project)
    fan_out_all()
    assert mailing.send_due() == 0
    assert len(heard(owner)) == 1
    address.set_verified()
    tell(project)
    fan_out_all()
    assert mailing.send_due() == 1


def test_a_broker_that_is_away_stops_nobody(project, monkeypatch):
    def away(task, args):
        raise OperationalError("no route")

    monkeypatch.setattr("portal.outbox.actions._send", away)
    with TestCase.captureOnCommitCallbacks(execute=True):
        tell(project)
    assert OutboxEntry.objects.get().done_at is None


def test_operations_are_told_by_their_own_numbers(project, region):
    make_member(project)
    drive(order(project, region))
    entry, operation = OutboxEntry.objects.get(), Operation.objects.get()
    assert entry.target == operation.public_id
    assert entry.params["instance"] == operation.instance.public_id
