"""Whoever looks as somebody else, at every door: nothing is written, every page says so."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.urls import reverse

from portal.audit.models import AuditEvent
from portal.console import account_urls
from portal.tenancy.permissions import Role
from tests.makers import make_user, signed_in
from tests.portal.doors import STAFF, Door, doors
from tests.portal.looking import look
from tests.portal.world import make_world
from tests.walk.pages import is_download

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("prices", "plain_static", "fake"),
]

DOORS = [door for door in doors() if door.rule != STAFF]
ALLOWED = {"console:looking-end", "console:looking-changes", "console:scope"}
ALLOWED |= {"console:theme", "console:language", "console:notice-away"}  # cookies
# GET, HEAD and OPTIONS aside, nothing passes but these; tests/portal/doors/ finds new ones.
WRITES = [d for d in DOORS if d.method not in ("GET", "HEAD") and d.name not in ALLOWED]


def address(door: Door, world: dict[str, Any]) -> str:
    """Some doors make the row that they lead to."""
    return reverse(door.name, kwargs=dict(door.at(world)))


def knock(client: Client, door: Door, url: str) -> Any:
    if door.name.startswith("api:"):
        sent, kind = json.dumps(door.body or {}), "application/json"
    else:
        sent, kind = urlencode(door.body or {}), "application/x-www-form-urlencoded"
    path = f"{url}?{door.query}" if door.query else url
    return client.generic(door.method, path, sent, content_type=kind)


@pytest.fixture
def world() -> dict[str, Any]:
    found = make_world()
    staff = signed_in(Client(), make_user("staff@test.example", is_staff=True, is_superuser=True))
    return {**found, "looking": look(staff, found["people"][Role.OWNER])}


def test_every_write_is_refused_with_a_sentence(world):
    client, wrong = world["looking"], []
    wanted = [(door, address(door, world)) for door in WRITES]
    before = AuditEvent.objects.count()
    for door, url in wanted:
        answer = knock(client, door, url)
        said = "only looking" in answer.content.decode() or "alone" in answer.content.decode()
        if answer.status_code != 403 or not said:
            wrong.append(f"{door}: {answer.status_code}")
    assert wrong == []
    assert len(WRITES) > 30
    assert AuditEvent.objects.count() == before


def test_every_page_carries_the_banner(world):
    client = world["looking"]
    own = [d for d in DOORS if d.method == "GET" and not d.name.startswith("api:")]
    answers = [(door, knock(client, door, address(door, world))) for door in own]
    answers = [(door, answer) for door, answer in answers if not is_download(answer)]
    pages = [(d, a) for d, a in answers if a.content.lstrip()[:9].lower() == b"<!doctype"]
    missing = [str(d) for d, a in pages if b"You look as" not in a.content]
    assert missing == []
    assert len(pages) > 25
    assert b"You look as" in client.get("/no-such-page/").content


THEIRS = {f"console:{pattern.name}" for pattern in account_urls.urlpatterns} - {"console:session"}


@pytest.mark.parametrize("changes", [False, True])
def test_the_person_s_account_stays_closed(world, changes):
    client = world["looking"]
    client.post(reverse("console:looking-end"))
    look(client, world["people"][Role.OWNER], changes=changes)
    paths = ["email/", "password/change/", "reauthenticate/", "confirm-email/x/"]
    answers = [client.get(f"/accounts/{path}") for path in paths]
    answers += [client.post(f"/accounts/{path}") for path in paths]
    doors_of_theirs = [door for door in DOORS if door.name in THEIRS]
    answers += [knock(client, door, address(door, world)) for door in doors_of_theirs]
    assert {answer.status_code for answer in answers} == {403}
    assert not [answer for answer in answers if b"alone" not in answer.content]
    assert {door.name for door in doors_of_theirs} == THEIRS
    assert client.post(reverse("console:notification-settings")).status_code == 403
    assert client.post(reverse("console:notifications-read")).status_code == 403
