"""What arrives at a real receiver, and how it is signed."""

import json
import logging
import re
import time
from datetime import timedelta
from unittest.mock import patch

import pytest

from portal.audit.models import AuditEvent
from portal.embedded import keys
from portal.kernel import clock, crypto
from portal.notifications import delivering, fanout, webhooks
from portal.notifications.models import Delivery, Webhook
from portal.outbox.models import OutboxEntry
from tests.makers import drive, make_owner, make_project, make_region, order
from tests.portal.webhooks.telling import DOCS, SECRET, documented_check, make_hook, tell

pytestmark = pytest.mark.django_db


def test_an_operation_reaches_the_receiver_signed_as_the_page_says(project, receiver, prices, fake):
    make_hook(project, receiver.url)
    operation = drive(order(project, make_region(), name="orders-db"))
    upkeep_entry = OutboxEntry.objects.get()
    fanout.fan_out(upkeep_entry.pk)
    assert delivering.deliver_due() == 1
    got = receiver.got[0]
    sent = json.loads(got.body)
    assert got.path == "/hook"
    assert (sent["type"], sent["project"]) == ("operation.succeeded", "shop")
    assert sent["data"]["operation"] == operation.public_id
    assert sent["data"]["error"] is None
    assert sent["id"] == upkeep_entry.public_id
    check, header = documented_check(), got.headers["Polder-Signature"]
    assert check(SECRET, header, got.body)
    assert not check(SECRET, header, got.body + b" ")
    assert not check("polder_wh_other", header, got.body)
    with patch("time.time", return_value=time.time() + 301):
        assert not check(SECRET, header, got.body)
    delivery = Delivery.objects.get()
    assert got.headers["X-Request-Id"] == f"{delivery.public_id}.1"
    assert (delivery.state, delivery.status, delivery.response_head) == (
        "succeeded",
        200,
        "thanks",
    )
    assert delivering.deliver_due() == 0


def test_only_what_was_chosen_is_sent_and_only_in_its_project(project, receiver):
    make_hook(project, receiver.url, kinds=["operation.failed"])
    make_hook(make_project(), receiver.url)
    make_hook(project, receiver.url, disabled_at=clock.now())
    tell(project)
    assert not Delivery.objects.exists()


def test_every_kind_on_the_page_is_one_that_can_be_chosen():
    from portal.notifications import kinds

    page = DOCS.partition("| `type` |")[2].partition("`kind` is one")[0]
    table = re.findall(r"^\| `([a-z._]+)` \|", page, re.M)
    assert set(table) == {kind.code for kind in kinds.for_webhooks()} | {"ping"}


def test_a_new_secret_signs_beside_the_old_one_for_a_day(project, receiver):
    owner = make_owner(project)
    webhook = make_hook(project, receiver.url)
    new = webhooks.renew_secret(actor=owner, webhook=webhook)
    tell(project)
    delivering.deliver_due()
    Webhook.objects.update(previous_until=clock.now() - timedelta(seconds=1))
    tell(project)
    delivering.deliver_due()
    check = documented_check()
    first, second = receiver.got
    assert check(new, first.headers["Polder-Signature"], first.body)
    assert check(SECRET, first.headers["Polder-Signature"], first.body)
    assert check(new, second.headers["Polder-Signature"], second.body)
    assert not check(SECRET, second.headers["Polder-Signature"], second.body)


def test_a_secret_is_shown_once_and_stands_nowhere_in_clear(project, loopback, caplog):
    caplog.set_level(logging.DEBUG)
    url = "https://127.0.0.1/in/the-path-is-secret"
    made = {"project": project, "url": url, "kinds": ["service.down"]}
    webhook, secret = webhooks.create_webhook(actor=make_owner(project), **made)
    tell(project)
    delivering.deliver_due()
    row = Webhook.objects.get()
    assert crypto.decrypt(row.secret) == secret
    assert secret not in row.secret
    written = json.dumps(list(AuditEvent.objects.values("before", "after")))
    assert "the-path-is-secret" not in written + caplog.text
    assert secret not in written + caplog.text
    logged = str([vars(record) for record in caplog.records])
    assert webhook.public_id in logged
    assert "the-path-is-secret" not in logged


def test_rotating_the_keys_rewrites_webhooks(project, settings):
    webhook = make_hook(project, "https://x.example/")
    old = settings.POLDER_SECRET_KEYS
    settings.POLDER_SECRET_KEYS = [crypto.new_key(), *old]
    assert keys.rewrite() == 1
    settings.POLDER_SECRET_KEYS = settings.POLDER_SECRET_KEYS[:1]
    webhook.refresh_from_db()
    assert crypto.decrypt(webhook.secret) == SECRET
