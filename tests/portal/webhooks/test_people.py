"""What people may do with webhooks, in the console and by the API."""

import json

import pytest

from portal.audit.models import AuditEvent
from portal.kernel.errors import Conflict, Invalid, NotFound, NotPermitted, TooManyRequests
from portal.notifications import delivering, webhooks
from portal.notifications.models import Delivery
from portal.tenancy.permissions import Role
from tests.makers import actor_for, make_member, make_owner, make_project, make_token
from tests.portal.api import Api, problem
from tests.portal.webhooks.telling import documented_check, make_hook, tell

pytestmark = pytest.mark.django_db


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
