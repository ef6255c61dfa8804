"""A region's prober over HTTP: what its key opens, and which minutes are taken from it."""

from datetime import UTC, datetime, timedelta

import pytest

from portal.kernel import clock
from portal.kernel.actor import SYSTEM
from portal.tenancy.permissions import Role
from services.instances import probe_reports
from services.instances.models import Instance, ProbeDay, ProbeSum
from services.regions import prober_keys
from services.regions.models import Region
from tests.makers import make_member, make_project, make_region, make_user
from tests.portal.api import Api, problem

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 10, 20, 12, 7, tzinfo=UTC)
TARGETS, MINUTES = "regions/local/targets", "regions/local/minutes"


@pytest.fixture(autouse=True)
def now(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOW)


def make_cache(number=1, region="local", **changed):
    place = Region.objects.filter(code=region).first() or make_region(region)
    inside = {"protocol": "redis", "host": "10.0.0.7", "port": 6379, "uri": "", "tls": True}
    usual = {
        "public_id": f"rd-0000000{number}",
        "project": make_project(),
        "region": place,
        "offering": "redis",
        "name": f"cache-{number}",
        "version": "9",
        "plan": "dev-1x1",
        "phase": "running",
        "endpoints": [{"name": "public", **inside}, {"name": "client", **inside}],
    }
    return Instance.objects.create(**usual | changed)


@pytest.fixture
def cache():
    return make_cache()


def key_of(region):
    return prober_keys.create_prober_key(actor=SYSTEM, region=region)[1]


@pytest.fixture
def api(cache):
    return Api(token=key_of(cache.region))


def window(**changed):
    usual = {
        "instance": "rd-00000001",
        "start": "2026-10-20T12:00:00Z",
        "known": [0, 1, 2, 3, 4],
        "bad": [1],
        "latency_micros": 1234,
    }
    return usual | changed


def report(api, *windows):
    return api.post(MINUTES, {"windows": list(windows)})


def bits(*minutes):
    return sum(1 << minute for minute in minutes)


# -- whom to ask -----------------------------------------------------------------------------------


def test_who_should_serve_is_told_with_nothing_secret(api):
    make_cache(2, phase="creating")
    make_cache(3, "elsewhere")
    answer = api.get(TARGETS)
    assert answer.json() == {
        "in_cluster": False,
        "results": [
            {
                "instance": "rd-00000001",
                "check": "redis",
                "host": "10.0.0.7",
                "port": 6379,
                "tls": True,
                "path": "/",
                "statuses": [],
            }
        ],
    }


def test_what_has_not_changed_is_not_sent_again(api):
    etag = api.get(TARGETS)["ETag"]
    assert "private" in api.get(TARGETS)["Cache-Control"]
    same = api.get(TARGETS, **{"If-None-Match": etag})
    assert (same.status_code, same.content) == (304, b"")
    make_cache(2)
    assert len(api.get(TARGETS, **{"If-None-Match": etag}).json()["results"]) == 2


# -- minutes ---------------------------------------------------------------------------------------


def test_minutes_are_joined_however_often_they_come(api, cache):
    for _ in range(2):
        assert report(api, window()).json() == {"accepted": 1, "rejected": []}
    day = ProbeDay.objects.get()
    assert (day.known, day.bad) == (bits(720, 721, 722, 723, 724), bits(721))
    assert int.from_bytes(bytes(day.latency)[2 * 144 : 2 * 145], "big") == 13
    later = window(start="2026-10-20T14:05:00+02:00", known=[0, 1], bad=[], latency_micros=None)
    report(api, later)
    found = ProbeSum.objects.get()
    assert (found.region_id, found.known, found.bad) == (cache.region_id, 7, 1)


def test_nothing_counts_of_a_prober_that_nobody_ever_answered(api):
    silent = window(bad=[0, 1, 2, 3, 4], latency_micros=None)
    answer = report(api, silent, silent | {"instance": "rd-ffffffff"}).json()
    assert [fault["code"] for fault in answer["rejected"]] == ["never-answered", "unknown-instance"]
    assert not ProbeDay.objects.exists()
    report(api, window(known=[0], bad=[]))
    assert report(api, silent).json() == {"accepted": 1, "rejected": []}
    assert ProbeDay.objects.get().bad == bits(720, 721, 722, 723, 724)


def test_the_nearer_prober_says_how_fast_it_was(api):
    for micros in (9000, 1200, None, 4000):
        report(api, window(latency_micros=micros))
    found = bytes(ProbeDay.objects.get().latency)[2 * 144 : 2 * 145]
    assert int.from_bytes(found, "big") == 12


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"instance": "rd-ffffffff"}, "unknown-instance"),
        ({"instance": "rd-00000009"}, "unknown-instance"),
        ({"start": "2026-10-20T12:01:00Z"}, "malformed"),
        ({"start": "2026-10-20T12:00:00"}, "malformed"),
        ({"start": "2026-13-20T12:00:00Z"}, "malformed"),
        ({"start": "0001-01-01T00:00:00+14:00"}, "malformed"),
        ({"start": "9999-12-31T23:55:00-14:00"}, "malformed"),
        ({"known": []}, "malformed"),
        ({"known": [0], "bad": [1]}, "malformed"),
        ({"start": "2026-10-20T10:05:00Z"}, "not-now"),
        ({"start": "2026-10-20T12:05:00Z"}, "not-now"),
        ({"start": "2027-10-20T12:05:00Z"}, "not-now"),
    ],
)
def test_what_does_not_fit_is_named_and_the_rest_is_taken(api, changed, code):
    make_cache(9, "elsewhere")
    body = report(api, window(**changed), window()).json()
    assert body["accepted"] == 1
    assert [(fault["index"], fault["code"]) for fault in body["rejected"]] == [(0, code)]
    assert ProbeDay.objects.get().known == bits(720, 721, 722, 723, 724)


def test_minutes_that_are_not_over_may_be_told_up_to_now(api):
    here = window(start="2026-10-20T12:05:00Z", known=[0, 1, 2, 3], bad=[])
    assert report(api, here).json()["accepted"] == 1
    oldest = (NOW - probe_reports.OLDEST + timedelta(minutes=3)).isoformat()
    assert report(api, window(start=oldest)).json()["accepted"] == 1


def test_the_same_window_twice_in_a_report_counts_once(api):
    body = report(api, window(), window(bad=[2])).json()
    assert (body["accepted"], body["rejected"][0]["code"]) == (1, "repeated")
    assert ProbeDay.objects.get().bad == bits(721)


@pytest.mark.parametrize(
    "wrong",
    [
        {"known": [5]},
        {"known": [True]},
        {"known": [0, 1, 2, 3, 4, 4]},
        {"latency_micros": 0},
        {"latency_micros": "9"},
        {"start": 5},
        {"more": 1},
    ],
)
def test_what_is_no_window_is_refused_as_a_whole(api, wrong):
    problem(report(api, window(), window(**wrong)), 422, "invalid")
    assert not ProbeDay.objects.exists()


def test_a_report_is_bounded(api):
    problem(report(api, *[window()] * 2001), 422, "invalid")
    problem(api.post(MINUTES, " " * (2**20 + 1)), 413, "too-large")
    assert report(api).json()["accepted"] == 0


# -- the key ---------------------------------------------------------------------------------------


def test_the_key_of_another_region_is_refused(cache):
    other = Api(token=key_of(make_region("elsewhere")))
    problem(other.get(TARGETS), 404, "not-found")
    problem(other.post(MINUTES, {"windows": [window()]}), 404, "not-found")
    problem(other.get("regions/nowhere/targets"), 404, "not-found")
    assert not ProbeDay.objects.exists()


def test_the_key_opens_nothing_else(api, cache):
    for path in ("regions", "instances", "usage", "costs", f"instances/{cache.public_id}"):
        problem(api.get(path), 401, "bad-token")
    problem(api.post("usage", []), 401, "bad-token")


def test_nobody_else_comes_in(cache):
    for user in (make_member(cache.project, Role.OWNER), make_user(is_staff=True)):
        problem(Api(user).get(TARGETS), 403, "not-permitted")
        problem(Api(user).post(MINUTES, {"windows": [window()]}), 403, "not-permitted")
    problem(Api().get(TARGETS), 401, "not-authenticated")
    problem(Api(token="polder_prober_made-up").get(TARGETS), 401, "bad-token")
    assert not ProbeDay.objects.exists()
