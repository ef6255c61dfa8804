"""The pages of one service and the order form: what they say, show as code, and check."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.urls import reverse
from django.utils.html import escape

from portal.audit.models import AuditEvent
from portal.tenancy.permissions import Role
from services import registry
from services.instances import actions
from services.instances.models import Instance, InstanceEvent, Operation
from services.regions.models import Region
from tests.makers import (
    drive,
    make_instance,
    make_member,
    make_owner,
    make_project,
    make_quota,
    make_region,
    order,
    signed_in,
)
from tests.portal.test_ui import strict

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("prices", "plain_static", "fake")]
HTMX = {"HX-Request": "true"}
ORDER = reverse("console:order", args=["postgresql"])
PRICE = reverse("console:price", args=["postgresql"])


@pytest.fixture
def project() -> Any:
    return make_project(slug="shop")


@pytest.fixture
def region() -> Region:
    return make_region()


@pytest.fixture
def owner(client: Any, project: Any) -> Any:
    return signed_in(client, make_member(project, Role.OWNER))


@pytest.fixture
def instance(project: Any, region: Region) -> Instance:
    return make_instance(project, region, name="orders", tags={"team": "shop"})


def url(name: str, instance: Instance) -> str:
    return reverse(f"console:service{name and '-'}{name}", args=[instance.public_id])


def get(browser: Any, address: str, **asked: str) -> str:
    answer = browser.get(address, asked)
    assert answer.status_code == 200
    html = answer.content.decode()
    strict(html)
    return html


# -- connection ------------------------------------------------------------------------------------


def test_every_client_of_the_offering_is_offered_with_the_words_of_the_service(
    owner: Any, instance: Instance
) -> None:
    host, port = instance.endpoints[0]["host"], instance.endpoints[0]["port"]
    for snippet in registry.get("postgresql").snippets:
        html = get(owner, url("connection", instance), client=snippet.title)
        assert f'aria-current="true">{snippet.title}</a>' in html
        assert escape(snippet.install) in html
    assert f"jdbc:postgresql://{host}:{port}/" in html
    assert "{{" not in html
    assert "PGPASSWORD" in html
    assert f"Where clients connect. <code>{instance.endpoints[0]['uri']}</code>" in html


def test_another_client_is_a_fragment_and_an_unknown_one_the_first(
    owner: Any, instance: Instance
) -> None:
    answer = owner.get(url("connection", instance), {"client": "COBOL"}, headers=HTMX)
    html = answer.content.decode()
    assert html.strip().startswith('<section class="card" id="clients"')
    assert 'aria-current="true">psql</a>' in html


def test_a_revealed_card_asks_for_the_hidden_one_after_a_minute(
    owner: Any, instance: Instance
) -> None:
    shown = owner.post(url("reveal", instance), headers=HTMX).content.decode()
    assert 'hx-trigger="load delay:60s"' in shown
    hidden = owner.get(url("connection", instance), headers=HTMX).content.decode()
    assert hidden.strip().startswith('<section class="card" id="connection"')
    assert "hx-trigger" not in hidden
    assert "data-copy-secret" in hidden
    assert AuditEvent.objects.filter(verb="credential.reveal").count() == 1


def test_a_viewer_gets_the_snippets_and_no_way_to_the_password(
    client: Any, project: Any, instance: Instance
) -> None:
    client.force_login(make_member(project, Role.VIEWER))
    html = get(client, url("connection", instance))
    assert "import psycopg" not in html  # psql comes first
    assert "sslmode=verify-full" in html
    assert "data-copy-secret" not in html
    assert url("rotate", instance) not in html


# -- acts ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("verb", "said"), [("pause", "Only storage"), ("rotate", "ends at once")])
def test_an_act_says_what_it_means_before_it_is_done(
    owner: Any, instance: Instance, verb: str, said: str
) -> None:
    html = get(owner, url(verb, instance))
    assert said in html
    assert escape(f"/api/v1/instances/{instance.public_id}/{verb}") in html
    assert not Operation.objects.filter(kind=verb).exists()
    answer = owner.post(url(verb, instance))
    assert (answer.status_code, answer["Location"]) == (303, url("", instance))
    assert drive(Operation.objects.get(kind=verb)).state == "succeeded"


def test_pausing_says_the_price_before_and_after(owner: Any, instance: Instance) -> None:
    html = get(owner, url("pause", instance))
    assert re.search(r"<b>€\u202f[\d.]+ → €\u202f[\d.]+</b>", html)


def test_what_cannot_be_done_now_is_not_offered(
    owner: Any, project: Any, instance: Instance
) -> None:
    drive(actions.pause(actor=make_owner(project), instance=instance))
    assert "Not possible now." in get(owner, url("pause", instance))
    assert owner.post(url("pause", instance)).status_code == 409


def test_forms_show_themselves_as_code(owner: Any, instance: Instance) -> None:
    asked = {"sent": "1", "plan": "single-2x8", "p-work_mem_mib": "8"}
    html = get(owner, url("settings", instance), **asked)
    body = '{"plan": "single-2x8", "parameters": {"work_mem_mib": 8}}'
    assert escape("curl -X PATCH http") in html
    assert escape(body) in html
    fragment = owner.get(url("settings", instance), asked, headers=HTMX).content.decode()
    assert 'id="code" hx-swap-oob="true"' in fragment
    assert escape(body) in fragment
    assert escape("curl -X DELETE") in get(owner, url("delete", instance))


def test_the_button_says_the_price_of_the_change(owner: Any, instance: Instance) -> None:
    assert "Save settings — stays €" in get(owner, url("settings", instance))
    html = get(owner, url("settings", instance), plan="single-2x8")
    assert re.search(r"Resize — €\u202f[\d.]+ → €\u202f[\d.]+/month", html)


def test_deleting_says_what_is_lost_and_wants_protection_off(
    owner: Any, project: Any, instance: Instance
) -> None:
    html = get(owner, url("delete", instance))
    assert "Its data (1\u202fMiB) waits in the bin for 7 days" in html
    assert re.search(r"<b>€\u202f[\d.]+ → €\u202f[\d.]+</b>", html)
    answer = owner.post(url("delete", instance), {"name": "other"})
    assert answer.status_code == 422
    assert "2 things to fix" in answer.content.decode()
    strict(answer.content.decode())
    answer = owner.post(url("delete", instance), {"name": "orders"})
    assert "Switch the protection off to go on." in answer.content.decode()
    assert not Operation.objects.filter(kind="delete").exists()
    owner.post(url("delete", instance), {"name": "orders", "unprotect": "1"})
    drive(Operation.objects.get(kind="delete"))
    html = get(owner, url("delete", instance))
    assert "This cannot be undone." in html
    assert escape("?purge=true") in html


# -- tags ------------------------------------------------------------------------------------------


def edit(client: Any, instance: Instance, *tags: tuple[str, str], **more: str) -> Any:
    sent = {
        "name": instance.name,
        "tag-name": [n for n, _ in tags],
        "tag-value": [v for _, v in tags],
    }
    return client.post(url("edit", instance), {**sent, **more})


def test_tags_are_written_changed_and_emptied(owner: Any, instance: Instance) -> None:
    assert edit(owner, instance, ("", ""), (" env ", "prod"), ("", "")).status_code == 303
    instance.refresh_from_db()
    assert instance.tags == {"env": "prod"}
    assert "env:prod" in get(owner, url("", instance))
    owner.post(url("edit", instance), {"name": "renamed"})  # without any field for tags
    instance.refresh_from_db()
    assert (instance.name, instance.tags) == ("renamed", {"env": "prod"})


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        ([("", "lonely")], "Give the value “lonely” a name."),
        ([("a", "1"), ("a", "2")], "“a” is there twice."),
        ([("UPPER", "1")], "is no tag name"),
        ([("a", "x" * 81)], "at most 80"),
    ],
)
def test_wrong_tags_come_back_as_they_were_typed(
    owner: Any, instance: Instance, tags: list[tuple[str, str]], said: str
) -> None:
    answer = edit(owner, instance, *tags)
    html = answer.content.decode()
    strict(html)
    assert answer.status_code == 422
    assert said in html
    assert f'value="{tags[0][1]}"' in html
    instance.refresh_from_db()
    assert instance.tags == {"team": "shop"}


# -- events, operations, state ---------------------------------------------------------------------


def test_events_are_filtered_and_paged(owner: Any, project: Any, instance: Instance) -> None:
    boss = make_owner(project)
    drive(actions.pause(actor=boss, instance=instance))
    html = get(owner, url("events", instance), kind="power")
    assert "Paused" in html
    assert "Running for the first time" not in html.partition('id="results"')[2]
    InstanceEvent.objects.bulk_create(
        InstanceEvent(instance=instance, at=instance.created_at, code="repaired") for _ in range(60)
    )
    html = get(owner, url("events", instance), kind="changes")
    assert "60 events" in html
    assert "?kind=changes&amp;page=2" in html
    assert "Nothing of this kind" in get(owner, url("events", instance), kind="faults")


def test_what_is_under_way_is_said_in_words(owner: Any, project: Any, region: Region) -> None:
    operation = order(project, region, name="slow")
    Operation.objects.filter(pk=operation.pk).update(
        steps=[
            {"code": "place", "params": {}, "started": "2026-11-25T10:00:00+00:00",
             "finished": "2026-11-25T10:00:01+00:00", "percent": None},
            {"code": "start", "params": {}, "started": "2026-11-25T10:00:01+00:00",
             "finished": None, "percent": None},
            {"code": "ready", "params": {}, "started": None, "finished": None, "percent": None},
        ]
    )  # fmt: skip
    assert "step 2 of 3" in get(owner, url("", operation.instance))


def test_the_price_is_said_while_it_is_being_created(
    owner: Any, project: Any, region: Region
) -> None:
    operation = order(project, region, name="slow")
    Operation.objects.filter(pk=operation.pk).update(goal={"price_hourly": "0.128300000"})
    assert "€\u202f93.66" in get(owner, url("", operation.instance))


def test_the_bin_says_how_long_and_what_comes_then(
    owner: Any, project: Any, instance: Instance
) -> None:
    boss = make_owner(project)
    actions.edit(actor=boss, instance=instance, protected=False)
    drive(actions.delete(actor=boss, instance=instance))
    html = get(owner, url("", instance))
    assert re.search("In the bin for (7\u202fd|6\u202fd 23\u202fh) more", html)
    assert "Destroy now" in html
    assert "In the bin nobody can connect" in html


# -- the order form --------------------------------------------------------------------------------


def test_what_is_checked_before_an_order(owner: Any, project: Any, region: Region) -> None:
    make_instance(project, region, name="orders")
    make_quota(project, region, vcpu=1, instances=9)
    Region.objects.update(healthy=False)
    asked = {"sent": "1", "name": "orders", "plan": "single-2x8", "p-max_connections": "1"}
    html = owner.get(PRICE, asked, headers=HTMX).content.decode()
    assert "“orders” is already in use in this project. Try “orders-2”." in html
    assert "1 setting does not fit" in html
    assert "vCPU: this takes 2, and 1 is left" in html
    assert "does not answer: the order waits" in html
    assert "Nothing has been charged." in html
    assert "vCPU: this takes 2; 1 of 1 are left." in " ".join(html.split())


def test_a_good_order_is_checked_too(owner: Any, region: Region) -> None:
    html = get(owner, ORDER)
    for good in ("The name is free", "All settings fit", "The quota is large enough", "is well"):
        assert good in html


def test_a_download_is_said_before(
    owner: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any, settings: Any
) -> None:
    settings.POLDER_HOME = tmp_path
    make_region("box", backend="process")
    html = get(owner, ORDER)
    assert re.search(r"PostgreSQL [\d.]+ is downloaded first, \d+ MB", html)


def test_an_order_takes_tags_and_shows_itself_as_code(owner: Any, region: Region) -> None:
    asked = {"sent": "1", "name": "it's", "version": "16", "p-max_connections": "50"}
    html = owner.get(PRICE, asked, headers=HTMX).content.decode()
    body = '"name": "it\'\\\'\'s", "version": "16", "parameters": {"max_connections": 50}'
    assert escape(body) in html
    sent = {"name": "mine", "region": "local", "tag-name": ["team"], "tag-value": ["shop"]}
    assert owner.post(ORDER, sent).status_code == 303
    assert Instance.objects.get().tags == {"team": "shop"}
    answer = owner.post(ORDER, {**sent, "name": "other", "tag-name": ["Team"]})
    assert answer.status_code == 422
    assert "is no tag name" in answer.content.decode()


def test_no_secret_of_the_session_stands_in_the_price_address(owner: Any, region: Region) -> None:
    html = get(owner, ORDER)
    panel = re.search(r'<aside[^>]+id="summary"[^>]+>', html)
    assert panel
    assert 'hx-params="not csrfmiddlewaretoken"' in panel[0]


@pytest.mark.parametrize("path", ["service", "services", "overview"])
def test_a_page_looks_again_while_a_service_seems_busy(client, owner, instance, path):
    """Read before its operation, which ended between the two."""
    url = reverse(f"console:{path}", args=[instance.public_id] if path == "service" else [])
    looks = re.compile(r'hx-trigger="every [12]s"')  # the bell looks once a minute
    assert not looks.search(client.get(url).content.decode())
    Instance.objects.filter(pk=instance.pk).update(phase="deleting")
    assert looks.search(client.get(url).content.decode())
