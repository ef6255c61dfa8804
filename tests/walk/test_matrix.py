"""Every address × every role, by `tests/portal/doors/`."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse

from portal.tenancy.permissions import GRANTS, Role
from tests.makers import make_token, make_user, signed_in
from tests.portal.doors import ANY, METER, PROBER, PUBLIC, STAFF, Door, doors
from tests.portal.world import make_world

pytestmark = pytest.mark.django_db

DOORS = list(doors())
ROLES = [None, "outsider", *Role]
PASSED = {200, 201, 202, 204, 303, 409, 422}  # 409 and 422 come from behind the door


@pytest.fixture
def world(prices: None, fake: Any, plain_static: None) -> dict[str, Any]:
    return make_world()


def status(door: Door, who: Any, world: dict[str, Any]) -> int:
    """What `who` gets; nothing it does stays."""
    client = Client(raise_request_exception=False)
    url = reverse(door.name, kwargs=dict(door.at(world)))
    user = world["people"].get(who)
    with transaction.atomic():
        if door.name.startswith("api:"):
            headers = {"Authorization": f"Bearer {make_token(user)}"} if user else {}
            sent = json.dumps(door.body) if door.body is not None else ""
            kind = "application/json"
        else:
            headers, sent = {}, urlencode(door.body or {})
            kind = "application/x-www-form-urlencoded"
            if user is not None:
                signed_in(client, user)
        path = f"{url}?{door.query}" if door.query else url
        response = client.generic(door.method, path, sent, content_type=kind, headers=headers)
        transaction.set_rollback(True)
    return response.status_code


def expected(door: Door, who: Any) -> set[int]:
    beyond = {404} if door.missing else set()
    if door.rule == PUBLIC:
        return PASSED | beyond
    if who is None:
        return {401} if door.name.startswith("api:") else {302}
    if door.rule in (STAFF, METER, PROBER):
        return {302, 403}
    if door.rule == ANY:
        return PASSED | beyond
    if who == "outsider":
        return PASSED if door.own else {404}
    if door.rule in GRANTS[Role(who)]:
        return PASSED | beyond
    # What cannot be seen is not there; what can be seen but not done is refused.
    return {403} | ({404} if door.missing or door.hidden else set())


@pytest.mark.parametrize("door", DOORS, ids=str)
def test_who_may_pass(door, world):
    wrong = []
    for who in ROLES:
        got, wanted = status(door, who, world), expected(door, who)
        if got not in wanted:
            wrong.append(f"{who or 'anonymous'}: {got}, expected one of {sorted(wanted)}")
    assert wrong == []


def test_staff_pages_open_for_staff(client, plain_static):
    client.force_login(make_user(is_staff=True, is_superuser=True))
    assert client.get(reverse("console:styleguide")).status_code == 200
    assert client.get(reverse("admin:index")).status_code == 200


def test_the_admin_site_is_closed_to_tenants(client, world):
    client.force_login(world["people"][Role.OWNER])
    assert client.get(reverse("admin:index")).status_code == 302
