"""Headers and cookies: of every page, of every answer of the API, with https and without."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client, override_settings
from django.urls import reverse

from portal.tenancy.permissions import Role
from tests.makers import PASSWORD, make_token
from tests.portal.doors import PROBER, PUBLIC, doors
from tests.walk.tour import none

pytestmark = pytest.mark.django_db


# -- headers ---------------------------------------------------------------------------------------


def test_every_answer_carries_the_headers(tour):
    wanted = {
        "Content-Security-Policy": django_settings.CONTENT_SECURITY_POLICY,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "X-Frame-Options": "DENY",
        "Cross-Origin-Opener-Policy": "same-origin",
    }
    none(
        [
            f"{seen}: {name}: {seen.response.headers.get(name)}"
            for seen in tour.visits
            for name, value in wanted.items()
            if seen.response.headers.get(name) != value
        ]
    )


@pytest.mark.parametrize(
    ("name", "status", "policy"),
    [
        ("app.js", 200, django_settings.CONTENT_SECURITY_POLICY_OF_FILES),
        ("missing.js", 404, django_settings.CONTENT_SECURITY_POLICY),
    ],
)
def test_files_carry_them_too(plain_static, settings, tmp_path, name, status, policy):
    (tmp_path / "app.js").write_text("1;")
    settings.STATIC_ROOT = tmp_path
    answer = Client().get(f"/static/{name}")
    assert answer.status_code == status
    assert answer["Content-Security-Policy"] == policy
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Referrer-Policy"] == "same-origin"


def test_the_policy_lets_nothing_in_from_elsewhere():
    rules = dict(
        part.strip().split(" ", 1) for part in django_settings.CONTENT_SECURITY_POLICY.split(";")
    )
    for name in ("default-src", "object-src", "base-uri", "frame-ancestors"):
        assert rules[name] == "'none'"
    assert {word for value in rules.values() for word in value.split()} == {
        "'none'",
        "'self'",
        "data:",
    }
    assert rules["img-src"] == "'self' data:"


def test_answers_say_what_they_are(tour):
    none(
        [
            str(seen)
            for seen in tour.visits
            if seen.content
            and "charset=" not in seen.response["Content-Type"]
            and not seen.response["Content-Type"].startswith(("application/", "image/"))
        ]
    )


def test_no_cache_keeps_what_a_person_saw(tour):
    mine = [seen for seen in tour.visits if seen.who]
    kept = [
        f"{seen}: {seen.response.headers.get('Cache-Control')}"
        for seen in mine
        if "no-store" not in seen.response.headers.get("Cache-Control", "")
    ]
    none(kept)
    assert len(mine) > 200


def test_the_api_lets_no_shared_cache_keep_an_answer(place):
    header = {"Authorization": f"Bearer {make_token(place.people[Role.OWNER])}"}
    found = []
    for door in doors():
        if door.method != "GET" or not door.name.startswith("api:") or door.missing:
            continue
        if door.rule in (PUBLIC, PROBER):
            continue
        url = f"{reverse(door.name, kwargs=dict(door.at(place.world)))}?{door.query}"
        answer = Client().get(url, headers=header)
        assert answer.status_code == 200, url
        assert answer["X-Content-Type-Options"] == "nosniff"
        found.append((door.name, answer["Cache-Control"]))
    none([f"{name}: {kept}" for name, kept in found if not re.search("private|no-store", kept)])
    assert dict(found)["api:credentials"] == "no-store"


# -- https and cookies -----------------------------------------------------------------------------

SHOWN = """
import json, os
from portal.conf import settings as s
names = [n for n in dir(s) if n.startswith(("SECURE_", "SESSION_", "CSRF_", "LANGUAGE_COOKIE"))]
names += ["DATABASES", "POLDER_DEMO", "ALLOWED_HOSTS", "DEBUG"]
names += ["POLDER_COOKIE_PREFIX", "X_FRAME_OPTIONS"]
print(json.dumps({n: getattr(s, n) for n in names}))
"""


def start_at(url: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", SHOWN],
        env={**os.environ, "POLDER_URL": url, **more},
        cwd=django_settings.BASE,
        capture_output=True,
        check=False,
        text=True,
    )


def settings_at(url: str, **more: str) -> dict[str, Any]:
    """What the settings become under an address; they are read once, at start."""
    found: dict[str, Any] = json.loads(start_at(url, **more).stdout)
    return found


@pytest.fixture(scope="module")
def https() -> dict[str, Any]:
    return settings_at("https://console.example.eu")


def test_https_makes_cookies_secure_and_binds_them_to_the_host(https):
    assert https["SESSION_COOKIE_SECURE"]
    assert https["CSRF_COOKIE_SECURE"]
    assert https["LANGUAGE_COOKIE_SECURE"]
    for name in ("SESSION_COOKIE_NAME", "CSRF_COOKIE_NAME", "LANGUAGE_COOKIE_NAME"):
        assert https[name].startswith("__Host-")
    assert https["POLDER_COOKIE_PREFIX"].startswith("__Host-")
    assert https["ALLOWED_HOSTS"][0] == "console.example.eu"
    assert not https["DEBUG"]


def test_https_is_remembered_for_a_year(https):
    names = ("SECURE_HSTS_SECONDS", "SECURE_HSTS_INCLUDE_SUBDOMAINS", "SECURE_PROXY_SSL_HEADER")
    found = {name: https[name] for name in names}
    found["SECURE_PROXY_SSL_HEADER"] = tuple(found["SECURE_PROXY_SSL_HEADER"])
    with override_settings(**found):
        answer = Client().get("/healthz", headers={"X-Forwarded-Proto": "https"})
        plain = Client().get("/healthz")
    assert answer["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
    assert "Strict-Transport-Security" not in plain


def test_without_https_nothing_claims_it():
    plain = settings_at("http://127.0.0.1:8000")
    assert not plain["SESSION_COOKIE_SECURE"]
    assert plain["SECURE_HSTS_SECONDS"] == 0
    assert plain["SECURE_PROXY_SSL_HEADER"] is None


def test_debug_pages_and_https_do_not_go_together():
    refused = start_at("https://console.example.eu", POLDER_DEBUG="1")
    assert refused.returncode != 0
    assert "POLDER_DEBUG" in refused.stderr
    assert settings_at("http://127.0.0.1:8000", POLDER_DEBUG="1")["DEBUG"]


def test_an_address_that_others_reach_has_no_accounts_of_a_demo(https):
    assert not https["POLDER_DEMO"]
    assert settings_at("http://127.0.0.1:8000")["POLDER_DEMO"]


def test_the_database_is_asked_for_tls_where_its_address_says_so():
    url = "postgres://polder:x@db.example.eu/polder?sslmode=verify-full&sslrootcert=/etc/ca.pem"
    found = settings_at("https://console.example.eu", POLDER_DATABASE_URL=url)
    options = found["DATABASES"]["default"]["OPTIONS"]
    assert options["sslmode"] == "verify-full"
    assert options["sslrootcert"] == "/etc/ca.pem"
    assert options["connect_timeout"] == 5


@pytest.mark.parametrize("secure", [False, True])
def test_every_cookie_is_for_us_alone(place, secure):
    person = place.people[Role.VIEWER]
    with override_settings(
        SESSION_COOKIE_SECURE=secure, CSRF_COOKIE_SECURE=secure, LANGUAGE_COOKIE_SECURE=secure
    ):
        client = Client()
        client.get("/accounts/login/")
        client.post("/theme/", {"theme": "dark"})
        client.post("/language/", {"language": "de"})
        client.post("/keyboard/", {"keys": "off"})
        client.post("/notices/ann-00000000/away/")
        client.post("/accounts/login/", {"login": person.email, "password": PASSWORD})
    assert len(client.cookies) >= 6
    for name, cookie in client.cookies.items():
        assert cookie["httponly"], name
        assert cookie["samesite"] == "Lax", name
        assert cookie["path"] == "/", name
        assert not cookie["domain"], name
        assert bool(cookie["secure"]) == secure, name
        assert len(name) + len(cookie.value) < 4096, name
