"""How long a receiver is waited for, and when it is tried again."""

import json
import socket
import time
from datetime import timedelta
from threading import Barrier, Thread
from unittest.mock import patch

import pytest
from django.db import connections

from portal.audit.models import AuditEvent
from portal.kernel import clock
from portal.notifications import delivering, fanout, queries, sending, upkeep
from portal.notifications.models import Delivery, Notification, Webhook
from portal.outbox.models import OutboxEntry
from portal.tenancy.permissions import Role
from tests.makers import actor_for, make_member
from tests.portal.receivers import receiving
from tests.portal.webhooks.telling import make_hook, tell

pytestmark = pytest.mark.django_db


def make_due():
    now = clock.now()
    Delivery.objects.filter(state="pending").update(next_attempt_at=now, lease_until=None)


# -- patience and size -----------------------------------------------------------------------------


def test_an_answer_that_does_not_come_is_cut_off(project, receiver, monkeypatch):
    monkeypatch.setattr(sending, "TOTAL_SECONDS", 0.3)
    receiver.hold = 2
    make_hook(project, receiver.url)
    tell(project)
    started = time.monotonic()
    delivering.deliver_due()
    assert time.monotonic() - started < 1.5
    assert Delivery.objects.get().error == "timeout"


def test_an_answer_that_drips_holds_nobody_for_longer(project, receiver, monkeypatch):
    """Each byte would begin a socket's own time-out anew. The status came, and that is enough."""
    monkeypatch.setattr(sending, "TOTAL_SECONDS", 1.5)
    receiver.drip, receiver.answers = 0.5, [(200, b"x" * 100)]
    make_hook(project, receiver.url)
    tell(project)
    started = time.monotonic()
    delivering.deliver_due()
    assert time.monotonic() - started < 5
    delivery = Delivery.objects.get()
    assert delivery.state == "succeeded"
    assert len(delivery.response_head) < 10


def test_a_long_answer_is_read_no_further_than_its_head(project, receiver):
    receiver.answers = [(200, "é\0".encode() * 600_000)]
    make_hook(project, receiver.url)
    tell(project)
    delivering.deliver_due()
    delivery = Delivery.objects.get()
    assert delivery.state == "succeeded"
    assert len(delivery.response_head) <= sending.MOST_HEAD
    assert "\0" not in delivery.response_head


def test_what_speaks_no_http_is_said(project, loopback):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer():
            connection, _ = server.accept()
            connection.recv(65536)
            connection.sendall(b"220 smtp ready\r\n")
            connection.close()

        Thread(target=answer, daemon=True).start()
        make_hook(project, f"http://127.0.0.1:{server.getsockname()[1]}/")
        tell(project)
        delivering.deliver_due()
    assert Delivery.objects.get().error == "protocol"


def test_nothing_listens(project, loopback):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    make_hook(project, f"http://127.0.0.1:{port}/")
    tell(project)
    delivering.deliver_due()
    assert Delivery.objects.get().error == "connect"


# -- again and again -------------------------------------------------------------------------------


def test_eight_attempts_in_a_day_then_it_is_over_and_said(project, receiver):
    receiver.answers = [(500, b"no")]
    admin, viewer = make_member(project, Role.ADMIN), make_member(project, Role.VIEWER)
    webhook = make_hook(project, receiver.url)
    tell(project)
    waits = []
    for _ in range(delivering.MOST_ATTEMPTS):
        before = clock.now()
        assert delivering.deliver_due() == 1
        delivery = Delivery.objects.get()
        if delivery.next_attempt_at:
            waits.append((delivery.next_attempt_at - before).total_seconds())
        Webhook.objects.update(failing_since=before - timedelta(hours=21))
        make_due()
    for wait, planned in zip(waits, delivering.DELAYS_SECONDS, strict=True):
        assert planned * 0.89 <= wait <= planned * 1.11 + 1
    assert sum(waits) <= 24 * 3600 * 1.1
    assert (delivery.state, len(delivery.tries), len(receiver.got)) == ("failed", 8, 8)
    assert len({got.body for got in receiver.got}) == 1
    # Two more hours without a success, and the next that fails for good switches it off.
    tell(project)
    Delivery.objects.filter(state="pending").update(attempts=7)
    delivering.deliver_due()
    webhook.refresh_from_db()
    assert webhook.disabled_why == "failing"
    fanout.fan_out(OutboxEntry.objects.get(kind="webhook.disabled").pk)
    told = Notification.objects.filter(entry__kind="webhook.disabled")
    assert [row.user for row in told] == [admin]
    assert "127.0.0.1" in queries.words_of(told.get().entry).title
    assert not queries.notifications_for(actor_for(viewer)).exists()
    assert AuditEvent.objects.filter(verb="webhook.disable").count() == 1


def test_a_success_wipes_the_slate(project, receiver):
    receiver.answers = [(500, b""), (200, b"")]
    webhook = make_hook(project, receiver.url)
    tell(project)
    delivering.deliver_due()
    webhook.refresh_from_db()
    assert webhook.failures == 1
    make_due()
    delivering.deliver_due()
    webhook.refresh_from_db()
    assert (webhook.failures, webhook.failing_since, webhook.active) == (0, None, True)
    assert [one["status"] for one in Delivery.objects.get().tries] == [500, 200]


def test_a_hundred_failures_in_a_row_switch_it_off_and_nothing_waits(project, receiver):
    receiver.answers = [(500, b"")]
    webhook = make_hook(project, receiver.url, failures=99, failing_since=clock.now())
    tell(project)
    tell(project)
    delivering.deliver_due()
    webhook.refresh_from_db()
    assert not webhook.active
    assert {row.state for row in Delivery.objects.all()} == {"failed"}
    first, second = Delivery.objects.order_by("pk")
    assert second.error == "disabled"
    assert first.tries[0]["status"] == 500
    assert delivering.deliver_due() == 0


def test_a_worker_killed_after_the_answer_sends_again_under_the_same_id(project, receiver):
    webhook = make_hook(project, receiver.url)
    tell(project)
    with patch.object(delivering, "_settle", side_effect=SystemExit), pytest.raises(SystemExit):
        delivering.deliver_due()
    assert delivering.deliver_due() == 0  # the lease still holds
    Delivery.objects.update(lease_until=clock.now() - timedelta(seconds=1))
    assert delivering.deliver_due() == 1
    first, second = (json.loads(got.body)["id"] for got in receiver.got)
    assert first == second
    delivery = Delivery.objects.get(webhook=webhook)
    assert (delivery.state, delivery.attempts) == ("succeeded", 2)


def test_a_worker_that_lost_its_lease_writes_nothing(project, receiver):
    make_hook(project, receiver.url)
    tell(project)
    late = delivering.claim()
    Delivery.objects.update(lease_until=clock.now() - timedelta(seconds=1))
    assert delivering.deliver_due() == 1
    receiver.answers = [(500, b"")]
    delivering.attempt(late)
    assert Delivery.objects.get().state == "succeeded"


@pytest.mark.django_db(transaction=True)
def test_many_workers_deliver_each_once_and_a_slow_receiver_holds_up_itself_only(
    project, receiver, monkeypatch
):
    with receiving() as slow:
        slow.hold = 0.6
        make_hook(project, slow.url)
        make_hook(project, receiver.url)
        for _ in range(6):
            tell(project)
        monkeypatch.setattr(delivering, "_TURN_SECONDS", 0.5)
        gate = Barrier(3)

        def work() -> None:
            gate.wait()
            delivering.deliver_due()
            connections.close_all()

        threads = [Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(receiver.got) == 6
        assert len({got.headers["Polder-Delivery"] for got in receiver.got}) == 6
        assert len(slow.got) < 6


def test_a_worker_gives_webhooks_three_threads_at_most(project, receiver):
    make_hook(project, receiver.url)
    tell(project)
    held = [delivering._slots.acquire(blocking=False) for _ in range(3)]
    try:
        assert delivering.deliver_due() == 0
    finally:
        for _ in held:
            delivering._slots.release()
    assert delivering.deliver_due() == 1


def test_the_sweep_finds_deliveries_that_are_due(project, receiver, hints):
    make_hook(project, receiver.url)
    tell(project)
    hints.clear()
    upkeep.sweep()
    assert hints == ["portal.notifications.tasks.deliver"]
