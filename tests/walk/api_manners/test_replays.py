"""What is sent twice happens once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection

from portal.api import idempotency
from portal.api.models import IdempotencyRecord
from portal.api.tasks import expire_records
from portal.kernel import clock
from services.instances.models import Instance
from tests.makers import make_member, make_region
from tests.portal.api import Api, finish, problem
from tests.walk.api_manners.ordering import ORDER

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("prices", "fake")]


def test_the_same_key_orders_once(api, region):
    key = {"Idempotency-Key": "7a0f"}
    first = api.post("projects/shop/instances", ORDER, **key)
    again = api.post("projects/shop/instances", ORDER, **key)
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json()["id"] == again.json()["id"]
    assert first["Location"] == again["Location"]
    finish(first)
    later = api.post("projects/shop/instances", ORDER, **key)
    assert (later.json()["id"], later.json()["state"]) == (first.json()["id"], "succeeded")
    assert Instance.objects.count() == 1
    other = {**ORDER, "name": "other"}
    problem(api.post("projects/shop/instances", other, **key), 422, "idempotency-key-reused")
    problem(api.post("tokens", ORDER, **key), 422, "idempotency-key-reused")
    assert Instance.objects.count() == 1


def test_a_refused_request_leaves_its_key_free(api, region):
    key = {"Idempotency-Key": "k"}
    problem(api.post("projects/shop/instances", {**ORDER, "name": "X"}, **key), 422, "invalid")
    assert api.post("projects/shop/instances", ORDER, **key).status_code == 202


def test_a_failure_between_work_and_answer_keeps_neither(api, region, monkeypatch):
    def fall(*args, **kwargs):
        raise RuntimeError("the lights went out")

    key = {"Idempotency-Key": "k"}
    with monkeypatch.context() as patch:
        patch.setattr(IdempotencyRecord.objects, "create", fall)
        problem(api.post("projects/shop/instances", ORDER, **key), 500, "internal")
    assert (Instance.objects.count(), IdempotencyRecord.objects.count()) == (0, 0)
    assert api.post("projects/shop/instances", ORDER, **key).status_code == 202


def test_a_key_belongs_to_one_actor(api, project, region):
    key = {"Idempotency-Key": "k"}
    other = Api(make_member(project))
    assert api.post("projects/shop/instances", ORDER, **key).status_code == 202
    answer = other.post("projects/shop/instances", {**ORDER, "name": "other"}, **key)
    assert answer.status_code == 202
    assert Instance.objects.count() == 2


@pytest.mark.parametrize("key", ["", "has space", "x" * 201, "é"])
def test_odd_keys_are_refused(api, region, key):
    headers = {"Idempotency-Key": key}
    problem(api.post("projects/shop/instances", ORDER, **headers), 400, "invalid-header")


@pytest.mark.parametrize("tag", ["", "1-2", '"a" "b"', "é", '"a",,'])
def test_odd_entity_tags_are_refused(api, instance, tag):
    path = f"instances/{instance.public_id}"
    problem(api.patch(path, {"name": "x"}, **{"If-Match": tag}), 400, "invalid-header")


def test_old_keys_are_forgotten(api, region):
    key = {"Idempotency-Key": "k"}
    api.post("projects/shop/instances", ORDER, **key)
    IdempotencyRecord.objects.update(created_at=clock.now() - timedelta(hours=25))
    other = {**ORDER, "name": "other"}
    assert api.post("projects/shop/instances", other, **key).status_code == 202
    IdempotencyRecord.objects.update(created_at=clock.now() - timedelta(hours=25))
    expire_records()
    assert not IdempotencyRecord.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_request_that_is_still_being_answered(project, prices):
    """Another connection holds the lock, as a request at work does."""
    make_region()
    user = make_member(project)
    api = Api(user)
    held = connection.copy()
    try:
        with held.cursor() as cursor:
            cursor.execute("begin")
            name = f"idempotency:user:{user.pk}:k".encode()
            number = int.from_bytes(idempotency.hashlib.sha256(name).digest()[:8]) >> 1
            cursor.execute("select pg_advisory_xact_lock(%s)", [number])
            key = {"Idempotency-Key": "k"}
            answer = api.post("projects/shop/instances", ORDER, **key)
            problem(answer, 409, "idempotency-key-in-use")
            cursor.execute("rollback")
            assert api.post("projects/shop/instances", ORDER, **key).status_code == 202
    finally:
        held.close()
