"""Odd input, limits, and pages of lists."""

from __future__ import annotations

import pytest
from django.db import OperationalError
from redis.exceptions import ConnectionError as CacheAway

from portal.api import ratelimit
from portal.tenancy.models import Organisation
from services.instances import listing
from services.instances.models import Instance, Operation
from tests.caching import forget
from tests.makers import make_member, make_project, order
from tests.portal.api import ROOT, Api, problem

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("prices", "fake")]
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


# -- odd input -------------------------------------------------------------------------------------


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


def walk(api, path, link="next"):
    """The names on each page from `path` on."""
    pages = []
    while path:
        body = api.get(path).json()
        pages.append([row["name"] for row in body["results"]])
        path, last = body[link], body
    return pages, last


# -- pages -----------------------------------------------------------------------------------------


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
