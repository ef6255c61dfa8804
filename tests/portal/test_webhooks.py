"""Webhooks: what arrives at a real receiver, when it is tried again, and where none may go."""

import ipaddress
import json
import logging
import re
import socket
import time
from datetime import timedelta
from pathlib import Path
from threading import Barrier, Thread
from unittest.mock import patch

import pytest
from django.db import connections, transaction

from portal.audit.models import AuditEvent
from portal.embedded import keys
from portal.kernel import clock, crypto
from portal.kernel.errors import Conflict, Invalid, NotFound, NotPermitted, TooManyRequests
from portal.notifications import (
    delivering,
    fanout,
    queries,
    sending,
    targets,
    upkeep,
    webhooks,
)
from portal.notifications.models import Delivery, Notification, Webhook
from portal.outbox.actions import notify
from portal.outbox.models import OutboxEntry
from portal.tenancy.permissions import Role
from services.backends.process import certificates
from tests.makers import (
    actor_for,
    drive,
    make_member,
    make_owner,
    make_project,
    make_region,
    make_token,
    make_webhook,
    order,
)
from tests.portal.api import Api, problem
from tests.portal.receivers import Resolver, receiving

pytestmark = pytest.mark.django_db
DOCS = (Path(__file__).parents[2] / "docs/webhooks.md").read_text()
SECRET = "polder_wh_0123456789012345678901234567890123456789"


@pytest.fixture
def loopback(settings):
    """Lets webhooks to receivers on this machine."""
    settings.POLDER_WEBHOOK_ALLOW = [ipaddress.ip_network("127.0.0.1/32")]
    settings.POLDER_WEBHOOK_HTTP = True


@pytest.fixture
def receiver(loopback):
    with receiving() as place:
        yield place


@pytest.fixture
def project():
    return make_project(slug="shop")


def make_hook(project, url, **fields):
    return make_webhook(project, url, SECRET, **fields)


def tell(project, kind="service.down"):
    with transaction.atomic():
        entry = notify(
            kind,
            organisation_id=project.organisation_id,
            project_id=project.pk,
            target="pg-1",
            params={"instance": "pg-1", "name": "orders-db"},
        )
    fanout.fan_out(entry.pk)
    return entry


def make_due():
    now = clock.now()
    Delivery.objects.filter(state="pending").update(next_attempt_at=now, lease_until=None)


def resolve_to(monkeypatch, *answers):
    resolver = Resolver(list(answers))
    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    return resolver


def documented_check():
    """The function that docs/webhooks.md tells receivers to use."""
    source = re.search(r"```python\n(.*?)```", DOCS, re.S)
    space: dict = {}
    exec(source.group(1), space)  # noqa: S102  # our own page
    return space["is_from_polder"]


# -- what arrives ----------------------------------------------------------------------------------


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
    table = re.findall(r"^\| `([a-z.]+)` \|", page, re.M)
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


# -- HTTPS, names, addresses -----------------------------------------------------------------------


@pytest.fixture
def authority(tmp_path, settings, loopback):
    """A CA that webhooks trust, and a certificate for hooks.test."""
    settings.POLDER_WEBHOOK_CA = str(certificates.bundle(tmp_path))
    folder = tmp_path / "leaf"
    certificates.issue(tmp_path, folder, "hooks.test")
    return folder


def test_https_goes_to_the_checked_address_under_its_name(project, authority, monkeypatch):
    with receiving(certificate=authority) as place:
        resolver = resolve_to(monkeypatch, ["127.0.0.1"])
        make_hook(project, f"https://hooks.test:{place.port}/in?a=1")
        tell(project)
        delivering.deliver_due()
        assert place.got[0].headers["Host"] == f"hooks.test:{place.port}"
        assert place.got[0].path == "/in?a=1"
    assert resolver.asked == ["hooks.test"]
    assert Delivery.objects.get().state == "succeeded"


def test_a_certificate_for_another_name_is_not_taken(project, authority, monkeypatch):
    with receiving(certificate=authority) as place:
        resolve_to(monkeypatch, ["127.0.0.1"])
        make_hook(project, f"https://other.test:{place.port}/")
        tell(project)
        delivering.deliver_due()
        assert place.got == []
    assert Delivery.objects.get().error == "tls"


def test_a_certificate_of_a_strange_authority_is_not_taken(
    project, authority, monkeypatch, settings
):
    settings.POLDER_WEBHOOK_CA = ""
    with receiving(certificate=authority) as place:
        resolve_to(monkeypatch, ["127.0.0.1"])
        make_hook(project, f"https://hooks.test:{place.port}/")
        tell(project)
        delivering.deliver_due()
        assert place.got == []
    assert Delivery.objects.get().error == "tls"


def test_an_answer_that_changes_after_the_check_reaches_nobody(project, receiver, monkeypatch):
    """Rebinding: the name is good when it is checked, and leads inside a moment later."""
    with receiving(address="127.0.0.2", port=receiver.port) as inside:
        resolver = resolve_to(monkeypatch, ["127.0.0.1"], ["127.0.0.2"])
        make_hook(project, f"http://rebind.test:{receiver.port}/")
        tell(project)
        delivering.deliver_due()
        assert len(resolver.asked) == 1
        assert len(receiver.got) == 1
        tell(project)
        delivering.deliver_due()
        assert len(resolver.asked) == 2
        assert inside.got == []
        assert len(receiver.got) == 1
    assert Delivery.objects.latest("pk").error == "refused"


def test_one_forbidden_answer_among_good_ones_is_enough(project, loopback, monkeypatch, settings):
    settings.POLDER_WEBHOOK_ALLOW = []
    resolve_to(monkeypatch, ["93.184.216.34", "10.0.0.7"])
    make_hook(project, "http://mixed.test/")
    tell(project)
    with patch.object(sending, "post", side_effect=AssertionError):
        delivering.deliver_due()
    assert Delivery.objects.get().error == "refused"


FORBIDDEN = [
    "127.0.0.1",
    "127.8.8.8",
    "0.0.0.0",  # noqa: S104
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "198.18.0.1",
    "192.0.2.1",
    "224.0.0.1",
    "239.1.1.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "fd00:ec2::254",
    "ff02::1",
    "ff0e::1",
    "2001:db8::1",
    "::ffff:127.0.0.1",
    "::ffff:93.184.216.34",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::a00:1",
    "2002:7f00:1::",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
]


@pytest.mark.parametrize("address", FORBIDDEN)
def test_no_way_leads_inside(address, monkeypatch):
    resolve_to(monkeypatch, [address])
    with pytest.raises(targets.TargetError) as refused:
        targets.address_of(targets.parse("https://name.test/"))
    assert refused.value.code == "refused"


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:4700:4700::1111", "100.128.0.1"])
def test_the_internet_is_reached(address, monkeypatch):
    resolve_to(monkeypatch, [address])
    assert targets.address_of(targets.parse("https://name.test/")) == address


@pytest.mark.parametrize("host", ["localhost", "127.1", "2130706433", "0x7f000001", "[::1]"])
def test_other_ways_to_write_loopback_are_seen_through(host, settings):
    with pytest.raises(targets.TargetError):
        targets.address_of(targets.parse(f"https://{host}/"))


def test_an_allow_list_opens_what_it_names_and_no_more(monkeypatch, settings):
    settings.POLDER_WEBHOOK_ALLOW = [ipaddress.ip_network("10.20.0.0/16")]
    url = targets.parse("https://name.test/")
    resolve_to(monkeypatch, ["10.20.3.4"], ["10.21.0.1"])
    assert targets.address_of(url) == "10.20.3.4"
    with pytest.raises(targets.TargetError):
        targets.address_of(url)


def test_a_resolver_that_hangs_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: time.sleep(1) or [])
    monkeypatch.setattr(targets, "_RESOLVE_SECONDS", 0.05)
    with pytest.raises(targets.TargetError) as missing:
        targets.address_of(targets.parse("https://slow.test/"))
    assert missing.value.code == "no-address"


def test_redirects_are_not_followed(project, receiver):
    with receiving() as elsewhere:
        receiver.answers, receiver.headers = [(302, b"")], {"Location": elsewhere.url}
        make_hook(project, receiver.url)
        tell(project)
        delivering.deliver_due()
        assert elsewhere.got == []
    assert (Delivery.objects.get().error, Delivery.objects.get().status) == ("redirect", 302)


def test_proxies_of_the_environment_are_not_used(project, receiver, monkeypatch):
    with receiving() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        make_hook(project, receiver.url)
        tell(project)
        delivering.deliver_due()
        assert proxy.got == []
    assert len(receiver.got) == 1


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


# -- people ----------------------------------------------------------------------------------------


def test_a_ping_and_a_replay(project, receiver):
    owner = make_owner(project)
    webhook = make_hook(project, receiver.url)
    webhooks.ping(actor=owner, webhook=webhook)
    delivering.deliver_due()
    assert json.loads(receiver.got[0].body)["type"] == "ping"
    tell(project)
    delivering.deliver_due()
    first = Delivery.objects.latest("pk")
    again = webhooks.replay(actor=owner, webhook=webhook, delivery=first)
    delivering.deliver_due()
    assert receiver.got[1].body == receiver.got[2].body
    assert again.public_id == receiver.got[2].headers["Polder-Delivery"] != first.public_id
    assert Delivery.objects.get(pk=again.pk).replay_of == first


def test_nobody_floods_a_server_by_hand(project, receiver):
    owner, webhook = make_owner(project), make_hook(project, receiver.url)
    for _ in range(webhooks.MOST_BY_HAND):
        webhooks.ping(actor=owner, webhook=webhook)
    with pytest.raises(TooManyRequests):
        webhooks.ping(actor=owner, webhook=webhook)


def test_switching_off_gives_up_what_waits_and_on_again_begins_anew(project, receiver):
    owner, webhook = make_owner(project), make_hook(project, receiver.url)
    tell(project)
    webhooks.update_webhook(actor=owner, webhook=webhook, active=False)
    assert (Delivery.objects.get().state, Delivery.objects.get().error) == ("failed", "disabled")
    with pytest.raises(Conflict):
        webhooks.ping(actor=owner, webhook=webhook)
    webhooks.update_webhook(actor=owner, webhook=webhook, active=True)
    tell(project)
    assert delivering.deliver_due() == 1
    changes = AuditEvent.objects.filter(verb="webhook.update").order_by("sequence")
    assert [change.after["active"] for change in changes] == [False, True]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "characters"),
        ("https://x.example/a b", "spaces"),
        ("ftp://x.example/", "https://"),
        ("http://x.example/", "https://"),
        ("https:///path", "host"),
        ("https://user:pw@x.example/", "password"),
        ("https://x.example/#part", "#"),
        ("https://x.example:99999/", "web server"),
        ("https://127.0.0.1/", "private network"),
        ("https://[::ffff:10.0.0.1]/", "private network"),
        ("https://x.example/" + "a" * 500, "500"),
    ],
)
def test_a_bad_address_is_refused_at_its_field(project, url, said):
    with pytest.raises(Invalid) as refused:
        webhooks.create_webhook(
            actor=make_owner(project), project=project, url=url, kinds=["service.down"]
        )
    assert said in refused.value.fields["url"]


def test_kinds_must_be_known_and_some(project):
    made = {"actor": make_owner(project), "project": project, "url": "https://x.example/"}
    for kinds in ([], ["no.such"], ["member.added"]):
        with pytest.raises(Invalid) as refused:
            webhooks.create_webhook(**made, kinds=kinds)
        assert "events" in refused.value.fields


def test_a_project_holds_ten(project):
    for _ in range(webhooks.MOST_WEBHOOKS):
        make_hook(project, "https://x.example/")
    with pytest.raises(Invalid, match="10"):
        webhooks.create_webhook(
            actor=make_owner(project),
            project=project,
            url="https://x.example/",
            kinds=["service.down"],
        )


def test_webhooks_are_for_those_who_may_change_the_project(project):
    webhook = make_hook(project, "https://x.example/")
    viewer, stranger = actor_for(make_member(project, Role.VIEWER)), make_owner(make_project())
    assert list(webhooks.webhooks_for(make_owner(project))) == [webhook]
    for actor, error in ((viewer, NotPermitted), (stranger, NotFound)):
        assert not webhooks.webhooks_for(actor).exists()
        with pytest.raises(error):
            webhooks.webhook_for(actor, webhook.public_id)
        for act in (webhooks.ping, webhooks.delete_webhook, webhooks.renew_secret):
            with pytest.raises(error):
                act(actor=actor, webhook=webhook)


def test_a_deleted_webhook_is_gone_with_its_log(project, receiver):
    owner, webhook = make_owner(project), make_hook(project, receiver.url)
    tell(project)
    webhooks.delete_webhook(actor=owner, webhook=webhook)
    assert not Delivery.objects.exists()
    assert delivering.deliver_due() == 0
    with pytest.raises(NotFound):
        webhooks.ping(actor=owner, webhook=webhook)


# -- by the API ------------------------------------------------------------------------------------


def test_the_api_makes_tries_reads_and_ends_a_webhook(project, receiver):
    api = Api(make_member(project))
    wanted = {"project": "shop", "url": receiver.url, "events": ["service.down"]}
    made = api.post("webhooks", wanted, **{"Idempotency-Key": "one"})
    again = api.post("webhooks", wanted, **{"Idempotency-Key": "one"})
    assert (made.status_code, again.status_code) == (201, 201)
    secret, path = made.json()["secret"], f"webhooks/{made.json()['id']}"
    assert "secret" not in again.json()
    assert "no-store" in made["Cache-Control"]
    assert api.get("webhooks?project=shop").json()["results"] == [again.json()]
    ping = api.post(f"{path}/ping")
    assert ping.status_code == 201
    delivering.deliver_due()
    assert documented_check()(
        secret, receiver.got[0].headers["Polder-Signature"], receiver.got[0].body
    )
    read = api.get(ping["Location"]).json()
    assert (read["state"], read["attempts"][0]["status"]) == ("succeeded", 200)
    assert read["request_id"] == receiver.got[0].headers["X-Request-Id"]
    replay = api.post(f"{path}/deliveries/{read['id']}/replay")
    assert replay.json()["replay_of"] == read["id"]
    assert len(api.get(f"{path}/deliveries").json()["results"]) == 2
    assert api.get(f"{path}/deliveries?state=pending").json()["results"] == [replay.json()]
    assert api.post(f"{path}/secret").json()["secret"] != secret
    off = api.patch(path, {"active": False, "events": ["service.up"]}).json()
    assert (off["active"], off["events"]) == (False, ["service.up"])
    problem(api.post(f"{path}/ping"), 409, "webhook-off")
    assert api.delete(path).status_code == 204
    problem(api.get(path), 404, "not-found")


def test_the_api_names_the_field_that_is_wrong(project):
    api = Api(make_member(project))
    wanted = {"project": "shop", "url": "https://127.0.0.1/", "events": ["service.down"]}
    body = problem(api.post("webhooks", wanted), 422, "invalid")
    assert body["errors"][0]["pointer"] == "/url"
    body = problem(api.post("webhooks", {**wanted, "events": ["no.such"]}), 422, "invalid")
    assert body["errors"][0]["pointer"] == "/events/0"


def test_a_token_without_the_scope_makes_no_webhook(project):
    user = make_member(project)
    api = Api(token=make_token(user, permissions=["project.view"]))
    wanted = {"project": "shop", "url": "https://x.example/", "events": ["service.down"]}
    problem(api.post("webhooks", wanted), 403, "not-permitted")
