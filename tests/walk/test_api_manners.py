"""How the API behaves, whatever it is asked: rights, odd input, replays, limits, pages."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.test import Client
from redis.exceptions import ConnectionError as CacheAway

from portal.accounts.models import ApiToken
from portal.api import idempotency, ratelimit
from portal.api.models import IdempotencyRecord
from portal.api.tasks import expire_records
from portal.kernel import clock
from portal.tenancy.models import Membership, Organisation
from portal.tenancy.permissions import Role
from services.instances import listing
from services.instances.models import Instance, Operation
from tests.caching import forget
from tests.makers import (
    make_instance,
    make_member,
    make_organisation,
    make_project,
    make_region,
    make_token,
    order,
    signed_in,
)
from tests.portal.api import ROOT, Api, finish, problem

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("prices", "fake")]
ORDER = {"offering": "postgresql", "name": "orders-db"}


@pytest.fixture
def project():
    return make_project(slug="shop")


@pytest.fixture
def region():
    return make_region()


@pytest.fixture
def api(project):
    return Api(make_member(project))


@pytest.fixture
def instance(project, region):
    return make_instance(project, region)


# -- who -------------------------------------------------------------------------------------------


def test_no_token_and_a_bad_one():
    body = problem(Api().get("instances"), 401, "not-authenticated")
    assert "Bearer" in body["hint"]
    for text in ("polder_no-such-token-at-all", "x", "\xff", "polder_" + "x" * 5000):
        answer = Api(token=text).get("instances")
        problem(answer, 401, "bad-token")
        assert answer["WWW-Authenticate"].startswith("Bearer")


def test_a_token_in_the_address_is_none(api):
    problem(Api().get(f"instances?token={api.token}"), 401, "not-authenticated")


def test_revoked_and_expired_tokens_end(api):
    assert api.get("instances").status_code == 200
    ApiToken.objects.update(expires_at=clock.now() - timedelta(seconds=1))
    problem(api.get("instances"), 401, "bad-token")


def test_a_session_reads_and_needs_csrf_to_write(project, plain_static):
    user = make_member(project)
    client = signed_in(Client(enforce_csrf_checks=True), user)
    assert client.get(f"{ROOT}projects/shop").json()["slug"] == "shop"
    refused = client.patch(
        f"{ROOT}projects/shop", {"name": "Other"}, content_type="application/json"
    )
    problem(refused, 403, "csrf")
    client.get("/accounts/logout/")
    token = client.cookies[next(n for n in client.cookies if "csrf" in n)].value
    allowed = client.patch(
        f"{ROOT}projects/shop",
        {"name": "Other"},
        content_type="application/json",
        headers={"X-CSRFToken": token},
    )
    assert allowed.json()["name"] == "Other"


def test_a_session_of_long_ago_only_reads(project, instance):
    client = signed_in(Client(), make_member(project), minutes_ago=16)
    assert client.get(f"{ROOT}projects/shop").status_code == 200
    secret = client.get(f"{ROOT}instances/{instance.public_id}/credentials")
    problem(secret, 403, "sign-in-too-old")
    refused = client.patch(
        f"{ROOT}projects/shop", {"name": "Other"}, content_type="application/json"
    )
    problem(refused, 403, "sign-in-too-old")


def test_another_tenant_finds_nothing(project, instance):
    operation = instance.operations.get()
    member = Membership.objects.create(
        user=make_member(make_project()), organisation=project.organisation, role=Role.VIEWER
    )
    stranger = Api(make_member(make_project()))
    reads = [
        f"instances/{instance.public_id}",
        f"instances/{instance.public_id}/credentials",
        f"instances/{instance.public_id}/events",
        f"instances/{instance.public_id}/logs",
        f"operations/{operation.public_id}",
        "projects/shop",
        "projects/shop/instances",
        f"organisations/{project.organisation.slug}",
        f"members/{member.public_id}",
        f"members?organisation={project.organisation.slug}",
        f"audit?organisation={project.organisation.slug}",
        f"service-accounts?organisation={project.organisation.slug}",
    ]
    for path in reads:
        problem(stranger.get(path), 404, "not-found")
    problem(stranger.post("projects/shop/instances", ORDER), 404, "not-found")
    problem(stranger.patch(f"instances/{instance.public_id}", {}), 404, "not-found")
    problem(stranger.delete(f"instances/{instance.public_id}"), 404, "not-found")
    problem(stranger.post(f"operations/{operation.public_id}/retry"), 404, "not-found")
    for path in ("instances", "operations"):
        assert stranger.get(path).json()["results"] == []


def test_a_viewer_may_look_and_nothing_else(project, instance):
    viewer = Api(make_member(project, Role.VIEWER))
    path = f"instances/{instance.public_id}"
    assert viewer.get(path).status_code == 200
    refused = [
        viewer.get(f"{path}/credentials"),
        viewer.get(f"{path}/logs"),
        viewer.patch(path, {"name": "x"}),
        viewer.patch(path, b"not json"),
        viewer.delete(path),
        viewer.post(f"{path}/pause"),
        viewer.post("projects/shop/instances", ORDER),
        viewer.post("projects", {"name": "Second"}),
        viewer.get("members"),
        viewer.get("audit"),
        viewer.patch("projects/shop", {"name": "x"}),
    ]
    for answer in refused:
        assert problem(answer, 403, "not-permitted")["hint"]


def test_a_scoped_token_does_only_that(project, instance):
    user = make_member(project)
    api = Api(token=make_token(user, permissions=["instance.view"], project=project))
    assert api.get("instances").json()["results"][0]["id"] == instance.public_id
    problem(api.post(f"instances/{instance.public_id}/pause"), 403, "not-permitted")


def test_several_organisations_must_be_told_apart(project):
    user = make_member(project)
    other = make_project(make_organisation("other"))
    make_member(other, user=user)
    api = Api(user)
    for path in ("projects", "members", "audit", "service-accounts"):
        problem(api.get(path), 400, "organisation-required")
        assert api.get(f"{path}?organisation=other").status_code == 200
    problem(api.post("projects", {"name": "New"}), 400, "organisation-required")
    made = api.post("projects", {"name": "New", "organisation": "other"})
    assert (made.status_code, made.json()["organisation"]) == (201, "other")
    assert len(api.get("organisations").json()["results"]) == 2


# -- the other nouns -------------------------------------------------------------------------------


def test_organisations_projects_members(api, project):
    made = api.post("organisations", {"name": "Acme", "slug": "acme", "country": "NL"})
    assert (made.status_code, made.json()["country"]) == (201, "NL")
    assert api.get(made["Location"]).json()["slug"] == "acme"
    renamed = api.patch("organisations/acme", {"name": "Acme BV"})
    assert renamed.json()["name"] == "Acme BV"
    place = api.post("projects", {"name": "Web shop", "organisation": "acme"})
    assert place.json()["slug"] == "web-shop"
    zone = api.patch("projects/web-shop", {"time_zone": "Europe/Berlin", "tags": {"a": "b"}})
    assert (zone.json()["time_zone"], zone.json()["tags"]) == ("Europe/Berlin", {"a": "b"})
    problem(api.patch("projects/web-shop", {"time_zone": "Mars"}), 422, "invalid")

    guest = make_member(make_project())
    body = {"organisation": "acme", "email": guest.email, "role": "viewer", "project": "web-shop"}
    member = api.post("members", {**body, "expires_at": "2999-01-01T00:00:00+02:00"})
    assert member.json()["expires_at"] == "2998-12-31T22:00:00.000Z"
    path = f"members/{member.json()['id']}"
    changed = api.patch(path, {"role": "operator", "expires_at": None})
    assert (changed.json()["role"], changed.json()["expires_at"]) == ("operator", None)
    problem(api.post("members", body), 409, "conflict")
    unknown = api.post("members", {**body, "email": "nobody@test.example"})
    assert problem(unknown, 422, "invalid")["errors"][0]["pointer"] == "/email"
    assert api.delete(path).status_code == 204
    problem(api.get(path), 404, "not-found")
    me = api.get("members?organisation=acme").json()["results"][0]
    problem(api.delete(f"members/{me['id']}"), 409, "last-owner")
    trail = api.get("audit?organisation=acme&verb=member.").json()["results"]
    assert [event["verb"] for event in trail] == ["member.remove", "member.change", "member.add"]
    assert {event["target"]["id"] for event in trail} == {guest.email}


def test_tokens_are_shown_once(api, project):
    body = {"name": "ci", "permissions": ["instance.view"], "project": "shop"}
    made = api.post("tokens", body, **{"Idempotency-Key": "one"})
    text = made.json()["token"]
    assert (made.status_code, made["Cache-Control"]) == (201, "no-store")
    assert Api(token=text).get("instances").status_code == 200
    again = api.post("tokens", body, **{"Idempotency-Key": "one"})
    assert (again.status_code, again.json()["id"]) == (201, made.json()["id"])
    assert "token" not in again.json()
    assert text not in api.get("tokens").content.decode()
    assert api.delete(f"tokens/{made.json()['id']}").status_code == 204
    problem(Api(token=text).get("instances"), 401, "bad-token")


def test_service_accounts(api, project):
    made = api.post("service-accounts", {"name": "deploy", "role": "operator", "project": "shop"})
    ident = made.json()["id"]
    assert [one["id"] for one in api.get("service-accounts").json()["results"]] == [ident]
    token = api.post("tokens", {"name": "deploy", "service_account": ident}).json()["token"]
    assert Api(token=token).get("projects/shop").status_code == 200
    fault = api.post("tokens", {"name": "x", "service_account": "sa-none"})
    assert problem(fault, 422, "invalid")["errors"][0]["pointer"] == "/service_account"
    nowhere = api.post("service-accounts", {"name": "y", "role": "viewer", "project": ""})
    assert problem(nowhere, 422, "invalid")["errors"][0]["pointer"] == "/project"
    assert api.delete(f"service-accounts/{ident}").status_code == 204
    problem(Api(token=token).get("projects/shop"), 401, "bad-token")
    problem(api.get(f"service-accounts/{ident}"), 404, "not-found")


def test_prices_are_public_and_effective_dated():
    now = Api().get("prices?offering=postgresql").json()["results"]
    assert {row["meter"] for row in now} >= {"vcpu", "memory_gib", "storage_gib"}
    assert Api().get("prices?at=2001-01-01T00:00:00Z").json()["results"] == []
    reserved = Api().get("prices?offering=postgresql&term=1y").json()["results"]
    assert {(row["meter"], row["category"]) for row in reserved} == {
        ("vcpu", "committed"),
        ("memory_gib", "committed"),
    }
    problem(Api().get("prices?term=9y"), 400, "invalid-query")
    assert Api().get("prices?offering=none").json()["results"] == []
    problem(Api().get("prices?at=yesterday"), 400, "invalid-query")


# -- replays ---------------------------------------------------------------------------------------


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


# -- odd input -------------------------------------------------------------------------------------

ODD_BODIES = [
    b"",
    b"{",
    b"null",
    b"[]",
    b"7",
    b'"x"',
    b"\xff\xfe",
    b'{"name": "\\u0000"}',
    b'{"name": "\\ud800"}',
    b'{"name": NaN}',
    b'{"name": 1e999}',
    b'{"tags": {"a\\u0000": "b"}}',
    b'{"parameters": {"max_connections": ' + b"9" * 5000 + b"}}",
    b'{"parameters": {"max_connections": 99999999999999999999}}',
    b'{"parameters": {"max_connections": 1.5}}',
    b'{"parameters": {"max_connections": []}}',
    b'{"parameters": []}',
    b'{"tags": {"a": 1}}',
    b'{"tags": {"": ""}}',
    b'{"plan": null}',
    b'{"plan": ["single-2x8"]}',
    b'{"unknown": 1}',
    b"[" * 100_000,
    b'{"tags":' * 100_000,
]


@pytest.mark.parametrize("body", ODD_BODIES, ids=lambda b: repr(b[:24]))
def test_odd_bodies_are_4xx(api, instance, body):
    for answer in (
        api("POST", "projects/shop/instances", body),
        api("PATCH", f"instances/{instance.public_id}", body),
        api("POST", "tokens", body),
    ):
        assert 400 <= answer.status_code < 500, answer.content
        assert answer.json()["request_id"]


def test_a_huge_body_is_413(api, region):
    body = b'{"name": "' + b"x" * 2_000_000 + b'"}'
    problem(api("POST", "projects/shop/instances", body), 413, "too-large")


def test_only_json_is_read(api, region):
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        answer = api.client.post(
            f"{ROOT}projects/shop/instances",
            b"name=x",
            content_type=kind,
            headers={"Authorization": f"Bearer {api.token}"},
        )
        problem(answer, 415, "unsupported-media-type")


@pytest.mark.parametrize(
    "query",
    [
        "nonsense=1",
        "page_size=0",
        "page_size=201",
        "page_size=" + "9" * 5000,
        "page_size=x",
        "page_size=1&page_size=2",
        "phase=nowhere",
        "ordering=password",
        "project=%00",
        "project=a%20b",
        "region=%F0%9F%92%A9",
        "tag=" + "x" * 2000,
    ],
)
def test_odd_queries_are_400(api, query):
    fault = problem(api.get(f"instances?{query}"), 400, "invalid-query")["errors"][0]
    assert fault["pointer"] == "?" + query.partition("=")[0]


def test_strange_text_in_a_query_is_only_text(api):
    for text in ("%ff%fe", "%F0%9F%92%A9", "'; drop table", "%25", "a:b:c", ":"):
        assert api.get(f"instances?tag={text}").json()["results"] == []
        assert api.get(f"audit?actor={text}&verb={text}").json()["results"] == []


@pytest.mark.parametrize(
    "path", ["%00", "a%00b", "%ff", "x/y/z", "instances/", "é", "instances/%00", "a%0Ab"]
)
def test_what_is_not_there_is_a_problem(api, path):
    problem(api.get(path), 404, "not-found")


@pytest.mark.parametrize("at", ["9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "1", ""])
def test_times_at_the_ends_of_the_calendar(api, at):
    answer = api.post("tokens", {"name": "x", "expires_at": at})
    assert problem(answer, 422, "invalid")["errors"][0]["pointer"] == "/expires_at"


def test_methods_that_are_not_there(api):
    for method in ("PUT", "OPTIONS", "TRACE", "QUERY", "DELETE"):
        answer = api(method, "instances")
        problem(answer, 405, "method-not-allowed")
        assert answer["Allow"] == "GET, HEAD"


def test_the_database_is_away(api, monkeypatch):
    def away(*args, **kwargs):
        raise OperationalError("connection refused")

    monkeypatch.setattr(listing, "places_for", away)
    answer = api.get("instances")
    assert "connection refused" not in answer.content.decode()
    problem(answer, 503, "unavailable")
    assert int(answer["Retry-After"]) > 0


def test_an_unexpected_error_tells_nothing_but_its_number(api, monkeypatch, caplog):
    def broken(*args, **kwargs):
        raise KeyError("a secret")

    monkeypatch.setattr(listing, "places_for", broken)
    answer = api.get("instances")
    problem(answer, 500, "internal")
    assert "a secret" not in answer.content.decode()
    assert "api.failed" in caplog.text


# -- limits ----------------------------------------------------------------------------------------


def test_the_rate_limit(api, settings, monkeypatch):
    monkeypatch.setattr(ratelimit.time, "time", lambda: 6_000_000_015.0)
    forget()
    settings.POLDER_API_REQUESTS_PER_MINUTE = 2
    answers = [api.get("regions") for _ in range(3)]
    assert [a.status_code for a in answers] == [200, 200, 429]
    assert [a["RateLimit-Remaining"] for a in answers] == ["1", "0", "0"]
    assert answers[0]["RateLimit-Limit"] == "2"
    problem(answers[2], 429, "too-many-requests")
    assert answers[2]["Retry-After"] == answers[2]["RateLimit-Reset"] == "45"
    assert Api(make_member(make_project())).get("regions").status_code == 200


def test_nobody_is_limited_while_the_cache_is_away(api, monkeypatch):
    def away(*args, **kwargs):
        raise CacheAway("no")

    monkeypatch.setattr(ratelimit.client(), "incr", away)
    answer = api.get("regions")
    assert answer.status_code == 200
    assert "RateLimit-Limit" not in answer


# -- pages -----------------------------------------------------------------------------------------


def walk(api, path, link="next"):
    """The names on each page from `path` on."""
    pages = []
    while path:
        body = api.get(path).json()
        pages.append([row["name"] for row in body["results"]])
        path, last = body[link], body
    return pages, last


@pytest.mark.parametrize(
    ("ordering", "wanted"),
    [
        ("", ["e", "d", "c", "b", "a"]),
        ("&ordering=created_at", ["a", "b", "c", "d", "e"]),
        ("&ordering=-name", ["e", "d", "c", "b", "a"]),
        ("&ordering=updated_at", ["a", "b", "c", "d", "e"]),
    ],
)
def test_pages_go_on_and_back(api, project, region, ordering, wanted):
    for name in "abcde":
        order(project, region, name=name)
    pages, last = walk(api, f"instances?page_size=2{ordering}")
    assert pages == [wanted[:2], wanted[2:4], wanted[4:]]
    back, first = walk(api, last["previous"], "previous")
    assert back == [wanted[2:4], wanted[:2]]
    assert first["previous"] is None


def test_a_page_does_not_shift_with_what_comes_and_goes(api, project, region):
    for name in "abcd":
        order(project, region, name=name)
    first = api.get("instances?page_size=2").json()
    order(project, region, name="new")
    second = api.get(first["next"]).json()
    assert [row["name"] for row in second["results"]] == ["b", "a"]


def test_foreign_cursors_are_refused(api, project, region):
    for name in "abc":
        order(project, region, name=name)
    link = api.get("instances?page_size=1").json()["next"]
    cursor = link.partition("cursor=")[2]
    for path in (
        f"instances?ordering=name&cursor={cursor}",
        f"regions?cursor={cursor}",
        "instances?cursor=x",
        "instances?cursor=%ff",
        f"instances?cursor={cursor[:-2]}",
    ):
        problem(api.get(path), 400, "bad-cursor")
    assert str(Instance.objects.first().pk) not in link.partition("?")[0]


def test_the_catalogue_has_pages_too(api, region):
    first = api.get("offerings?page_size=3").json()
    second = api.get(first["next"]).json()
    assert len(first["results"]) == len(second["results"]) == 3
    assert api.get(second["previous"]).json()["results"] == first["results"]
    slugs = [row["slug"] for row in api.get("offerings").json()["results"]]
    assert slugs[:3] == [row["slug"] for row in first["results"]]


def test_operations_are_listed_newest_first(api, project, region):
    made = [order(project, region).public_id for _ in range(3)]
    found = [row["id"] for row in api.get("operations").json()["results"]]
    assert found == made[::-1]
    assert Operation.objects.count() == 3
    assert Organisation.objects.count() == 1
