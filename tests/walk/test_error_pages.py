"""Every error as a page, as an answer to htmx and as one of the API: what happened, what is safe,
what to do, and when to come back.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import html5lib
import pytest
from django.conf import settings as django_settings
from django.test import Client, RequestFactory

from portal.console.errors import too_many_requests
from tests.makers import make_member, make_project
from tests.portal.failing_urls import FAILURES

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]

SAID = {
    "400": (400, "The request could not be read"),
    "403": (403, "You may not see this page"),
    "403-ours": (403, "You may only look."),
    "404": (404, "There is no such page"),
    "404-ours": (404, "There is no service pg-1."),
    "409": (409, "It is being resized."),
    "429": (429, "That was often."),
    "500": (500, "Something broke on our side"),
    "503": (503, "The console cannot reach its database."),
    "503-ours": (503, "The region is away."),
}
WAITS = {"429": "42", "503": "30", "503-ours": "7"}


@pytest.fixture
def client(settings) -> Client:
    settings.ROOT_URLCONF = "tests.portal.failing_urls"
    return Client(raise_request_exception=False)


def text(response) -> str:
    return response.content.decode()


def test_every_failure_is_expected_here():
    assert set(SAID) == set(FAILURES)


@pytest.mark.parametrize("signed_in", [False, True])
@pytest.mark.parametrize("kind", SAID)
def test_a_page(client, kind, signed_in):
    status, said = SAID[kind]
    if signed_in:
        client.force_login(make_member(make_project()))
    answer = client.get(f"/fail/{kind}/")
    page = text(answer)
    html5lib.HTMLParser(strict=True).parse(page.lstrip())
    assert answer.status_code == status
    assert said in page
    assert answer["X-Request-Id"] in page
    assert "no-store" in answer["Cache-Control"]
    assert answer.get("Retry-After") == WAITS.get(kind)
    assert ('id="nav"' in page) == (kind != "503")  # nothing is asked of a database that is away
    assert "0xC0FFEE" not in page
    assert "10.0.0.7" not in page


@pytest.mark.parametrize("kind", SAID)
def test_an_answer_to_htmx_leaves_the_page_as_it_is(client, kind):
    status, _said = SAID[kind]
    answer = client.get(f"/fail/{kind}/", headers={"HX-Request": "true"})
    assert answer.status_code == status
    assert answer["HX-Reswap"] == "none"
    assert answer.get("Retry-After") == WAITS.get(kind)
    toast = json.loads(answer["HX-Trigger"])["toast"]
    assert toast
    assert (answer["X-Request-Id"] in toast) == (status >= 500)
    assert "<html" not in text(answer)


@pytest.mark.parametrize("path", ["fail", "fail-early"])
@pytest.mark.parametrize("kind", ["400", "403", "404", "500", "503"])
def test_an_answer_of_the_api(client, kind, path):
    status, _said = SAID[kind]
    answer = client.get(f"/api/v1/{path}/{kind}")
    body = json.loads(answer.content)
    assert (answer.status_code, body["status"]) == (status, status)
    assert answer["Content-Type"] == "application/problem+json"
    assert body["request_id"] == answer["X-Request-Id"]
    assert body["detail"]
    assert body["hint"]
    assert ("Retry-After" in answer) == (status == 503)
    assert "0xC0FFEE" not in text(answer)


@pytest.mark.parametrize(("kind", "wait"), [("409", None), ("429", "42"), ("503-ours", "7")])
def test_the_application_s_own_errors_in_the_api(client, kind, wait):
    answer = client.get(f"/api/v1/fail/{kind}")
    assert json.loads(answer.content)["detail"] == SAID[kind][1]
    assert answer.get("Retry-After") == wait


def test_a_page_that_may_be_tried_again_says_so(client):
    assert 'href="/fail/500/?q=a"' in text(client.get("/fail/500/?q=a"))
    assert "Try again" not in text(client.get("/fail/404/"))
    assert "Try again<" not in text(client.post("/fail/500/"))  # never send a form twice


def test_the_address_of_a_form_is_no_page(client):
    answer = client.get("/theme/")
    assert (answer.status_code, answer["Allow"]) == (405, "POST")
    assert "There is nothing to see here" in text(answer)


def test_too_many_sign_ins(client):
    request = RequestFactory().post("/accounts/login/")
    answer = too_many_requests(request)
    assert (answer.status_code, answer["Retry-After"]) == (429, "60")
    assert "Wait a minute" in text(answer)


def test_a_strange_host_gets_a_page_too(client):
    answer = client.get("/prices/", headers={"Host": "evil.example"})
    assert answer.status_code == 400
    assert "The request could not be read" in text(answer)
    assert "evil.example" not in text(answer)


def test_the_page_for_a_proxy_asks_for_nothing_else():
    page = (Path(django_settings.BASE) / "deploy" / "unavailable.html").read_text()
    html5lib.HTMLParser(strict=True).parse(page)
    assert re.findall(r'(?:src|href|url)[=(]"?([^">)]+)', page) == []
    assert {"de", "fr"} <= set(re.findall(r'lang="(\w+)"', page))


@pytest.mark.parametrize(
    ("kind", "event"), [("403-ours", "access.refused"), ("429", "rate.exceeded")]
)
def test_a_refusal_stands_in_the_log_without_the_address(client, kind, event, caplog):
    someone = make_member(make_project())
    client.force_login(someone)
    client.get(f"/fail/{kind}/?secret=xyzzy")
    line = next(record for record in caplog.records if record.getMessage() == event)
    assert (line.user, line.levelname) == (someone.pk, "WARNING")
    assert "xyzzy" not in str(vars(line))
