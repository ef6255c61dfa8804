"""The list of services: search, filters, order, saved views, many at once, the bin; the palette."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.urls import reverse

from billing.orders import ordering
from portal.console.models import SavedView
from portal.tenancy.permissions import Role
from services.instances import actions
from services.instances.models import Instance, Operation
from tests.makers import (
    drive,
    make_instance,
    make_member,
    make_owner,
    make_project,
    make_region,
    order,
)
from tests.portal.test_ui import strict

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("prices", "plain_static", "fake")]

LIST = reverse("console:services")


@pytest.fixture
def project() -> Any:
    return make_project(slug="shop")


@pytest.fixture
def owner(client: Any, project: Any) -> Any:
    client.force_login(make_member(project, Role.OWNER))
    return client


@pytest.fixture
def three(project: Any) -> dict[str, Instance]:
    """orders (PostgreSQL, tagged), cache (Valkey, elsewhere), queue (NATS, paused)."""
    here, there = make_region(), make_region("south")
    made = {
        "orders": make_instance(
            project, here, name="orders", plan="single-2x8", tags={"team": "shop", "env": "prod"}
        ),
        "cache": make_instance(project, there, name="cache", offering="redis", tags={"env": "dev"}),
        "queue": make_instance(project, here, name="queue", offering="nats"),
    }
    drive(actions.pause(actor=make_owner(project), instance=made["queue"]))
    return made


def names(html: str) -> list[str]:
    strict(html)
    return re.findall(r'class="cell" href="[^"]+">.*?<b>([^<]+)</b>', html)


def listed(client: Any, **asked: str) -> list[str]:
    answer = client.get(LIST, asked)
    assert answer.status_code == 200
    return names(answer.content.decode())


# -- filters ---------------------------------------------------------------------------------------


FILTERS: list[tuple[dict[str, str], list[str]]] = [
    ({"q": "ORD"}, ["orders"]),
    ({"q": "team:shop"}, ["orders"]),
    ({"q": "prod"}, ["orders"]),
    ({"q": "nt-"}, ["queue"]),
    ({"q": "%"}, []),
    ({"offering": "redis"}, ["cache"]),
    ({"phase": "paused"}, ["queue"]),
    ({"phase": "running"}, ["cache", "orders"]),
    ({"phase": "nonsense"}, ["queue", "cache", "orders"]),
    ({"region": "south"}, ["cache"]),
    ({"tag": "env"}, ["cache", "orders"]),
    ({"tag": "env:dev"}, ["cache"]),
    ({"q": "a", "region": "south", "tag": "env:dev"}, ["cache"]),
    ({"q": "a\0"}, ["queue", "cache", "orders"][1:]),
]


def test_filters(owner: Any, three: Any, subtests: Any) -> None:
    for asked, found in FILTERS:
        with subtests.test(asked=asked):
            assert listed(owner, **asked) == found


ORDERS: list[tuple[str, list[str]]] = [
    ("", ["queue", "cache", "orders"]),
    ("name", ["cache", "orders", "queue"]),
    ("-name", ["queue", "orders", "cache"]),
    ("-price", ["orders"]),
    ("region", ["queue", "orders", "cache"]),
    ("password", ["queue", "cache", "orders"]),
]


def test_order(owner: Any, three: Any, subtests: Any) -> None:
    for sort, found in ORDERS:
        with subtests.test(sort=sort):
            assert listed(owner, sort=sort)[: len(found)] == found


def test_headings_lead_to_the_other_order_and_keep_the_filters(owner: Any, three: Any) -> None:
    html = owner.get(LIST, {"q": "o", "sort": "name"}).content.decode()
    assert 'aria-sort="ascending"' in html
    assert "?q=o&amp;sort=-name" in html


def test_what_needs_a_look(owner: Any, three: Any) -> None:
    Instance.objects.filter(name="cache").update(health="down")
    Instance.objects.filter(name="queue").update(health="down")  # paused: nothing is wrong
    assert listed(owner, phase="attention") == ["cache"]
    Instance.objects.filter(name="queue").update(needs_attention=True)
    assert listed(owner, phase="attention") == ["queue", "cache"]


def test_filters_stay_on_the_page_and_in_the_address(owner: Any, three: Any) -> None:
    answer = owner.get(
        f"{LIST}?q=o&offering=&phase=running&tag=env%3Aprod",
        headers={"HX-Request": "true", "HX-Current-URL": f"http://testserver{LIST}"},
    )
    assert answer["HX-Push-Url"] == f"{LIST}?q=o&phase=running&tag=env%3Aprod"
    html = owner.get(answer["HX-Push-Url"]).content.decode()
    assert names(html) == ["orders"]
    assert 'value="o"' in html
    assert '<option value="running" selected>' in html
    assert "<option selected>env:prod</option>" in html


def test_nothing_found_says_what_was_searched(owner: Any, three: Any) -> None:
    html = owner.get(LIST, {"q": "<none>"}).content.decode()
    assert "No service matches “&lt;none&gt;”" in html
    assert "Clear filters" in html


def test_what_is_under_way_is_polled_without_touching_the_rest(owner: Any, project: Any) -> None:
    region = make_region()
    make_instance(project, region, name="still")
    operation = order(project, region, name="new")
    assert 'id="watch" hx-get' in owner.get(LIST).content.decode()
    watch = {"HX-Request": "true", "HX-Target": "watch"}
    html = owner.get(LIST, headers=watch).content.decode()
    assert "Creating" in html
    assert "<table" not in html
    drive(operation)
    html = owner.get(LIST, headers=watch).content.decode()
    assert "Running" in html
    assert "hx-get" not in html


def test_a_list_asks_few_questions(
    owner: Any, project: Any, django_assert_max_num_queries: Any
) -> None:
    region = make_region()
    for number in range(12):
        order(project, region, name=f"n{number}")
    owner.get(LIST)
    with django_assert_max_num_queries(17):
        assert owner.get(LIST).status_code == 200


# -- saved views -----------------------------------------------------------------------------------


def save(client: Any, name: str = "Production", query: str = "tag=env:prod", **more: str) -> Any:
    return client.post(reverse("console:views"), {"name": name, "query": query, **more})


def test_a_view_is_saved_shown_renamed_and_deleted(owner: Any, three: Any) -> None:
    answer = save(owner)
    assert (answer.status_code, answer["Location"]) == (303, f"{LIST}?tag=env%3Aprod")
    html = owner.get(answer["Location"]).content.decode()
    assert names(html) == ["orders"]
    assert re.search(r'aria-current="page">Production</a>', html)
    view = SavedView.objects.get()
    owner.post(reverse("console:view", args=[view.public_id]), {"name": "Live"})
    assert ">Live</a>" in owner.get(LIST).content.decode()
    owner.post(reverse("console:view-delete", args=[view.public_id]))
    assert not SavedView.objects.exists()
    assert "is deleted" in owner.get(LIST).content.decode()


def test_the_default_view_opens_first_and_everything_stays_reachable(
    owner: Any, three: Any
) -> None:
    save(owner, default="1")
    save(owner, "Development", "tag=env:dev", default="1")
    assert SavedView.objects.get(is_default=True).name == "Development"
    assert owner.get(LIST)["Location"] == f"{LIST}?tag=env%3Adev"
    assert len(listed(owner, all="1")) == 3
    here = {"HX-Request": "true", "HX-Current-URL": f"http://testserver{LIST}?q=a"}
    assert owner.get(f"{LIST}?q=", headers=here)["HX-Push-Url"] == f"{LIST}?all=1"


def test_a_name_in_use_takes_the_new_filters(owner: Any, three: Any) -> None:
    save(owner)
    save(owner, query="sort=name&tag=env:dev&junk=1")
    assert SavedView.objects.get().query == "tag=env%3Adev&sort=name"


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"name": " "}, "1 to 40 characters"),
        ({"name": "x" * 41}, "1 to 40 characters"),
        ({"query": "junk=1"}, "Choose filters first"),
        ({"query": "q=" + "a" * 600}, "too long"),
    ],
)
def test_a_view_that_cannot_be_saved_says_why(
    owner: Any, three: Any, sent: dict[str, str], said: str
) -> None:
    answer = save(owner, **sent)
    assert answer.status_code == 422
    assert said in answer.content.decode()
    strict(answer.content.decode())
    assert not SavedView.objects.exists()


def test_a_second_view_cannot_take_a_name(owner: Any, three: Any) -> None:
    save(owner)
    save(owner, "Other", "q=o")
    other = SavedView.objects.get(name="Other")
    answer = owner.post(reverse("console:view", args=[other.public_id]), {"name": "Production"})
    assert answer.status_code == 422
    assert "already" in answer.content.decode()


def test_twenty_views_are_enough(owner: Any, three: Any) -> None:
    for number in range(20):
        save(owner, f"v{number}", f"q={number}")
    assert save(owner, "one more", "q=z").status_code == 422
    assert save(owner, "v3", "q=z").status_code == 303


def test_views_are_one_persons(owner: Any, project: Any, three: Any, client: Any) -> None:
    save(owner)
    view = SavedView.objects.get()
    client.force_login(make_member(project, Role.OWNER))
    assert "Production" not in client.get(LIST).content.decode()
    for name in ("view", "view-delete"):
        address = reverse(f"console:{name}", args=[view.public_id])
        assert client.post(address, {"name": "Stolen"}).status_code == 404
    assert SavedView.objects.get().name == "Production"


# -- many at once ----------------------------------------------------------------------------------


def bulk(client: Any, action: str, *services: Instance, **more: str) -> Any:
    numbers = [service.public_id for service in services]
    return client.post(reverse("console:bulk"), {"action": action, "id": numbers, **more})


def test_many_are_paused_and_resumed(owner: Any, three: Any) -> None:
    answer = bulk(owner, "pause", three["orders"], three["cache"], back="sort=name")
    assert (answer.status_code, answer["Location"]) == (303, f"{LIST}?sort=name")
    assert "2 services are being paused." in owner.get(LIST).content.decode()
    assert Operation.objects.filter(kind="pause", state="pending").count() == 2
    assert bulk(owner, "resume", three["queue"]).status_code == 303
    assert Operation.objects.filter(kind="resume").exists()


def test_one_refusal_stops_no_other_and_says_why(owner: Any, three: Any) -> None:
    stranger = make_instance(make_project(), make_region("far"), name="stranger")
    answer = bulk(owner, "pause", three["queue"], three["orders"], stranger)
    html = answer.content.decode()
    strict(html)
    assert answer.status_code == 200
    assert "1 service is being paused." in html
    assert "2 services were refused" in html
    assert "is paused; this is possible only when it is running" in html
    assert "There is no such service here" in html
    assert stranger.name not in html
    assert Operation.objects.filter(kind="pause", state="pending").count() == 1


def test_tags_are_added_and_removed_and_others_stay(owner: Any, three: Any) -> None:
    bulk(owner, "tag", *three.values(), tag="team: web ")
    assert Instance.objects.get(name="orders").tags == {"team": "web", "env": "prod"}
    assert Instance.objects.get(name="queue").tags == {"team": "web"}
    bulk(owner, "untag", *three.values(), tag="team")
    assert Instance.objects.get(name="orders").tags == {"env": "prod"}


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"action": "pause", "id": []}, "Tick at least one"),
        ({"action": "pause", "id": [f"pg-{n:08x}" for n in range(101)]}, "at most 100"),
        ({"action": "destroy"}, "Choose what to do"),
        ({"action": "tag", "tag": ""}, "name:value"),
        ({"action": "tag", "tag": "Team:x"}, "is no tag name"),
        ({"action": "tag", "tag": "team:" + "x" * 81}, "at most 80"),
    ],
)
def test_what_cannot_begin_keeps_what_was_ticked(
    owner: Any, three: Any, sent: dict[str, Any], said: str
) -> None:
    ticked = three["orders"].public_id
    answer = owner.post(reverse("console:bulk"), {"id": [ticked], "back": "q=o", **sent})
    html = answer.content.decode()
    strict(html)
    assert answer.status_code == 422
    assert said in html
    assert names(html) == ["orders"]
    assert f'value="{ticked}" checked' in html or not sent.get("id", True) or len(sent["id"]) > 1
    assert not Operation.objects.filter(state="pending").exists()


def test_a_viewer_has_nothing_to_tick(client: Any, project: Any, three: Any) -> None:
    client.force_login(make_member(project, Role.VIEWER))
    assert 'name="id"' not in client.get(LIST).content.decode()
    assert bulk(client, "pause", three["orders"]).status_code == 403


# -- the bin ---------------------------------------------------------------------------------------


def test_the_bin_says_until_when_and_gives_back(owner: Any, project: Any, three: Any) -> None:
    boss = make_owner(project)
    actions.edit(actor=boss, instance=three["orders"], protected=False)
    drive(actions.delete(actor=boss, instance=three["orders"]))
    assert "orders" not in listed(owner)
    assert "Bin (1)" in owner.get(LIST).content.decode()
    html = owner.get(reverse("console:bin")).content.decode()
    assert names(html) == ["orders"]
    assert re.search("7\u202fd|6\u202fd 23\u202fh", html)
    assert re.search(r'class="r num">€\u202f\d', html)
    owner.post(reverse("console:service-undelete", args=[three["orders"].public_id]))
    assert "The bin is empty" in owner.get(reverse("console:bin")).content.decode()
    assert "orders" in listed(owner)


def test_resuming_many_keeps_to_the_door_for_money(
    owner: Any, three: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Instance] = []
    monkeypatch.setattr(ordering, "resume_order", lambda *, actor, instance: asked.append(instance))
    bulk(owner, "resume", three["queue"])
    assert asked == [three["queue"]]
