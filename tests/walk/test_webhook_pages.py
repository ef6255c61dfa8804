"""The pages of webhooks: made, tried, changed, switched, ended, and the log of what was sent."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse

from portal.kernel import clock, crypto
from portal.notifications import delivering, webhooks
from portal.notifications.models import Delivery, Webhook
from tests.makers import make_delivery, make_member, make_project, make_webhook, signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]
LIST = "/settings/webhooks/"
URL = "https://93.184.216.34/hook"


@pytest.fixture
def project():
    return make_project(slug="shop")


@pytest.fixture
def reader(client, project):
    return signed_in(client, make_member(project))


def page_of(webhook, name="webhook", *args):
    return reverse(f"console:{name}", args=[webhook.public_id, *args])


def test_a_webhook_is_made_and_its_secret_shown_once(reader, project):
    assert b"No webhook yet" in reader.get(LIST).content
    answer = reader.post(f"{LIST}new/", {"url": URL, "events": ["service.down"]})
    webhook = Webhook.objects.get()
    secret = crypto.decrypt(webhook.secret)
    assert answer.status_code == 201
    assert secret in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    again = reader.get(page_of(webhook)).content.decode()
    assert secret not in again
    assert "93.184.216.34" in reader.get(LIST).content.decode()


def test_faults_come_back_with_what_was_typed(reader, project):
    sent = {"url": "https://127.0.0.1/", "events": ["service.up"]}
    answer = reader.post(f"{LIST}new/", sent)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "private network" in page
    assert 'value="https://127.0.0.1/"' in page
    assert 'value="service.up" checked' in page
    assert 'value="service.down" checked' not in page
    answer = reader.post(f"{LIST}new/", {"url": URL})
    assert "Choose at least one" in answer.content.decode()
    webhook = make_webhook(project)
    answer = reader.post(page_of(webhook), {"url": "ftp://x/"}, headers={"HX-Request": "true"})
    assert answer.status_code == 422
    assert answer.content.decode().lstrip().startswith("<form")


def test_address_and_events_are_changed(reader, project):
    webhook = make_webhook(project)
    reader.post(page_of(webhook), {"url": URL, "events": ["operation.failed"]})
    webhook.refresh_from_db()
    assert (webhook.url, webhook.kinds) == (URL, ["operation.failed"])


def test_a_new_secret_is_shown_and_the_old_one_signs_beside_it(reader, project):
    webhook = make_webhook(project, secret="the old one")
    page = reader.post(page_of(webhook, "webhook-secret")).content.decode()
    webhook.refresh_from_db()
    new, old = delivering.secrets_of(webhook)
    assert new in page
    assert old == "the old one"
    assert "The secret before this one signs, too, until" in page


def test_a_ping_shows_in_the_log_which_asks_until_it_is_there(reader, project):
    webhook = make_webhook(project)
    reader.post(page_of(webhook, "webhook-ping"))
    page = reader.get(page_of(webhook)).content.decode()
    assert "Waiting" in page
    assert 'hx-trigger="every 2s"' in page
    Delivery.objects.update(state="succeeded", status=204, duration_ms=31, next_attempt_at=None)
    part = reader.get(page_of(webhook), headers={"HX-Request": "true"}).content.decode()
    assert "Delivered" in part
    assert "204" in part
    assert "hx-trigger" not in part


def test_a_delivery_shows_its_attempts_what_was_sent_and_what_came_back(reader, project):
    webhook = make_webhook(project)
    tried = {"at": clock.now().isoformat(), "status": 500, "error": "status", "ms": 12}
    delivery = make_delivery(
        webhook,
        tries=[tried],
        status=500,
        error="status",
        attempts=1,
        response_head="<script>alert(1)</script>",
        next_attempt_at=clock.now() + timedelta(minutes=1),
    )
    page = reader.get(page_of(webhook, "delivery", delivery.public_id)).content.decode()
    assert "It answered, but not with a status from 200 to 299." in page
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert" not in page
    assert f"{delivery.public_id}.1" in page
    assert "&quot;type&quot;: &quot;service.down&quot;" in page
    reader.post(page_of(webhook, "delivery-replay", delivery.public_id))
    assert Delivery.objects.latest("pk").replay_of == delivery


def test_a_failing_webhook_that_was_switched_off_says_so_and_goes_on_again(reader, project):
    webhook = make_webhook(project, disabled_at=clock.now(), disabled_why="failing", failures=100)
    page = reader.get(page_of(webhook)).content.decode()
    assert "after 100 failed attempts in a row" in page
    assert f'action="{page_of(webhook, "webhook-ping")}"' not in page
    reader.post(page_of(webhook, "webhook-switch"), {"to": "on"})
    webhook.refresh_from_db()
    assert (webhook.active, webhook.failures) == (True, 0)
    reader.post(page_of(webhook, "webhook-switch"), {"to": "off"})
    webhook.refresh_from_db()
    assert not webhook.active


def test_deleting_asks_first(reader, project):
    webhook = make_webhook(project)
    assert b"It cannot be brought back" in reader.get(page_of(webhook, "webhook-delete")).content
    assert Webhook.objects.exists()
    reader.post(page_of(webhook, "webhook-delete"))
    assert not Webhook.objects.exists()


def test_a_full_project_offers_no_more(reader, project):
    for _ in range(webhooks.MOST_WEBHOOKS):
        make_webhook(project)
    page = reader.get(LIST).content.decode()
    assert "at most 10 webhooks" in page
    assert not re.search(r'href="[^"]*webhooks/new/"', page)
