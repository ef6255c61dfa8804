"""What forms and the API answer, in a made-up language: nothing is left untranslated."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse

from portal.tenancy.permissions import Role
from tests.makers import make_token, signed_in
from tests.portal.doors import Door, doors
from tests.portal.world import make_world
from tests.walk import pseudo

pytestmark = pytest.mark.django_db
_SAID = frozenset({"title", "detail", "hint", "text", "summary", "description", "label", "help"})


@pytest.fixture
def world(monkeypatch, prices: None, fake: Any, plain_static: None) -> dict[str, Any]:
    pseudo.install(monkeypatch)
    return make_world()


def test_answers_to_forms(world):
    """What is sent by POST, as it should be and empty: notices, faults at fields."""
    said, typed = [], set[str]()
    for door in doors():
        if door.method == "POST" and not door.name.startswith("api:"):
            typed |= {str(value) for value in (door.body or {}).values()}
            for body in (door.body or {}, {}):
                with transaction.atomic():
                    client = signed_in(Client(), world["people"][Role.OWNER])
                    url = reverse(door.name, kwargs=dict(door.at(world)))
                    answer = client.post(url, {**body, "language": ""}, follow=True)
                    said += [(door, text) for text in pseudo.said_by_answer(answer)]
                    transaction.set_rollback(True)
    assert len(said) > 500
    pseudo.none_is_untranslated(said, typed)


@pytest.mark.parametrize("who", [Role.OWNER, Role.VIEWER, "outsider"])
def test_answers_of_the_api(who, world):
    said, fields = [], set[str]()
    for door in doors():
        fields |= set(door.body or {})
        for body in (door.body, {}, {"no": "such"}) if _speaks(door) else ():
            said += [(door, text) for text in asked(world, door, body, who)]
    assert len(said) > 50
    pseudo.none_is_untranslated(said, fields)  # a fault is told with the name of its field


def _speaks(door: Door) -> bool:
    """The OpenAPI document is for programs: it stays English."""
    return door.name.startswith("api:") and door.name != "api:schema"


def asked(world: dict[str, Any], door: Door, body: Any, who: Any) -> list[str]:
    """The words of the answer; nothing that was done stays."""
    with transaction.atomic():
        headers = {"Authorization": f"Bearer {make_token(world['people'][who])}"}
        answer = Client(raise_request_exception=False).generic(
            door.method,
            reverse(door.name, kwargs=dict(door.at(world))),
            "" if body is None else json.dumps(body),
            content_type="application/json",
            headers=headers,
        )
        transaction.set_rollback(True)
    is_json = "json" in answer.headers.get("Content-Type", "")
    return list(pseudo.said_by_json(answer.json(), _SAID)) if is_json else []
