"""What is mailed, once."""

from datetime import timedelta
from threading import Barrier, Thread
from unittest.mock import patch

import pytest
from allauth.account.models import EmailAddress
from django.core import mail as sent_mail
from django.db import connections
from django.test import TestCase
from kombu.exceptions import OperationalError

from portal.kernel import clock
from portal.kernel.errors import Unavailable
from portal.notifications import mailing
from portal.notifications.models import Mailing
from portal.outbox.models import OutboxEntry
from services.instances.models import Operation
from tests.makers import drive, make_member, make_user, order
from tests.portal.notifications.telling import fan_out_all, heard, tell

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("prices", "plain_static")]


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
