"""What doors do not let in: forms of other sites, strange hosts, ways to elsewhere, too much of
anything, fields that were not offered.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings as django_settings
from django.core import mail
from django.test import Client
from django.urls import reverse
from gunicorn.config import Config
from gunicorn.http.errors import ParseException
from gunicorn.http.parser import RequestParser

from portal.accounts.models import User
from portal.conf.middleware import ClientAddress
from portal.tenancy.permissions import Role
from services.instances.models import Instance
from tests.makers import PASSWORD, make_member, make_project, make_token, make_user, signed_in
from tests.portal.doors import doors
from tests.walk.pages import client_of, pages

pytestmark = pytest.mark.django_db
POSTS = [door for door in doors() if door.method == "POST" and not door.name.startswith("api:")]
# Forms that set a cookie about looks and nothing else: guarded by `Origin` (console/harmless.py).
HARMLESS = {"console:theme", "console:language", "console:notice-away"}
ELSEWHERE = [
    "https://evil.example/",
    "//evil.example/",
    "/\\evil.example/",
    "\\\\evil.example/",
    "http:evil.example",
    "javascript:alert(1)",
    "https:///evil.example",
    " https://evil.example/",
    "https://testserver@evil.example/",
]


# -- forms from elsewhere --------------------------------------------------------------------------


@pytest.mark.parametrize("door", POSTS, ids=str)
def test_a_form_without_its_token_does_nothing(place, door):
    client = client_of(place, "staff" if "staff" in door.name else Role.OWNER)
    client.handler.enforce_csrf_checks = True
    url = reverse(door.name, kwargs=place.reals.get(door.name) or dict(door.at(place.world)))
    headers = {"Origin": "https://evil.example"} if door.name in HARMLESS else {}
    answer = client.post(url, dict(door.body or {}), headers=headers)
    assert answer.status_code == 403
    assert "Nothing was sent" in answer.content.decode()


def test_forms_of_django_allauth_want_their_token_too(place):
    client = client_of(place, Role.OWNER)
    client.handler.enforce_csrf_checks = True
    visitor = Client(enforce_csrf_checks=True)
    tried = 0
    for page in pages():
        if page.door is None:
            for one in (client, visitor):
                status = one.post(page.url(place), {}).status_code
                tried += status == 403
                assert status in (403, 405), page
    assert tried > 10


def test_the_session_writes_through_the_api_only_with_a_token_of_the_form(place):
    client = client_of(place, Role.OWNER)
    client.handler.enforce_csrf_checks = True
    url = reverse("api:pause", args=[place.world["instance"].public_id])
    assert client.post(url, content_type="application/json").status_code == 403


def test_no_answer_is_for_scripts_of_other_sites(tour):
    """But the status, which is public and the same for everybody."""
    open_ones = {
        (str(seen.page), seen.response.headers["Access-Control-Allow-Origin"])
        for seen in tour.visits
        if "Access-Control-Allow-Origin" in seen.response.headers
    }
    assert open_ones == {("console:status-json", "*")}
    answer = Client().options(
        "/api/v1/instances",
        headers={"Origin": "https://evil.example", "Access-Control-Request-Method": "GET"},
    )
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_what_changes_something_is_not_got(place):
    """The address of a door that only takes POST refuses GET."""
    gets = {door.name for door in doors() if door.method == "GET"}
    client = client_of(place, Role.OWNER)
    for door in POSTS:
        if door.name not in gets:
            url = reverse(door.name, kwargs=dict(door.at(place.world)))
            assert client.get(url).status_code in (403, 405), door


# -- hosts and redirects ---------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["evil.example", "testserver.evil.example", "evil.example:80"])
@pytest.mark.parametrize("path", ["/", "/catalogue/", "/accounts/login/", "/api/docs/", "/status/"])
def test_a_strange_host_is_not_answered(path, host, settings):
    settings.ALLOWED_HOSTS = ["testserver"]
    answer = Client(raise_request_exception=False).get(path, headers={"Host": host})
    assert answer.status_code == 400
    assert "evil" not in answer.content.decode()


def test_a_forwarded_host_counts_for_nothing(settings):
    page = Client().get("/status/", headers={"X-Forwarded-Host": "evil.example"})
    assert "evil.example" not in page.content.decode()


def test_mails_lead_to_us_whatever_host_was_asked(plain_static, settings):
    settings.ALLOWED_HOSTS = ["*"]
    person = make_user()
    Client().post(
        "/accounts/password/reset/", {"email": person.email}, headers={"Host": "evil.example"}
    )
    assert len(mail.outbox) == 1
    assert django_settings.POLDER_URL in mail.outbox[0].body
    assert "evil.example" not in mail.outbox[0].body


@pytest.mark.parametrize("there", ELSEWHERE)
def test_signing_in_leads_nowhere_else(plain_static, there):
    person = make_user()
    sent = {"login": person.email, "password": PASSWORD, "next": there}
    stays_here(Client().post("/accounts/login/", sent))
    stays_here(Client().post(f"/accounts/login/?next={there}", sent))
    fresh = {"email": "new@test.example", "password1": PASSWORD, "password2": PASSWORD}
    stays_here(Client().post("/accounts/signup/", {**fresh, "next": there}))


@pytest.mark.parametrize("there", ELSEWHERE)
def test_no_other_form_leads_elsewhere(plain_static, there):
    client = signed_in(Client(), make_member(make_project()))
    sent = {"next": there, "password": PASSWORD}
    stays_here(client.post("/accounts/reauthenticate/", sent))
    for path in ("/theme/", "/language/", "/notices/ann-00000000/away/", "/scope/"):
        answer = client.post(path, {"theme": "dark", **sent}, headers={"Referer": there.strip()})
        stays_here(answer)
    stays_here(client.get("/accounts/login/", {"next": there}))
    stays_here(client.post("/accounts/logout/", sent))


def stays_here(answer: Any) -> None:
    where = answer.headers.get("Location", "/")
    assert urlsplit(where).netloc in ("", "testserver"), where
    assert where.startswith("/"), where
    assert not where.startswith(("//", "/\\")), where


# -- limits ----------------------------------------------------------------------------------------


def test_too_much_is_refused_with_a_sentence(place):
    client = client_of(place, Role.OWNER)
    url = reverse("console:order", args=["postgresql"])
    heavy = client.post(url, {"name": "x" * 2_000_000})
    many = client.post(url, {f"p-{number}": "x" for number in range(2_000)})
    for answer in (heavy, many):
        assert answer.status_code in (400, 413)
        assert "could not be read" in answer.content.decode()
    assert not Instance.objects.filter(name__startswith="xxx").exists()


def test_one_file_is_read_and_none_is_kept(place):
    """Staff sends a bank's statement, which is read in memory: no door stores or runs a file."""
    sources = [*django_settings.BASE.glob("portal/**/*.py"), *django_settings.BASE.glob("*/*.py")]
    reading = [p.name for p in sources if "request.FILES" in p.read_text()]
    # The second names them, to say that they were not kept.
    assert sorted(reading) == ["payments.py", "stash.py"]
    assert django_settings.FILE_UPLOAD_HANDLERS == ["portal.conf.uploads.InMemory"]
    assert "FileField" not in "".join(p.read_text() for p in sources)


def test_guessing_passwords_is_slowed_down(plain_static):
    person = make_user()
    sent = {"login": person.email, "password": "not the right one"}
    first = [Client().post("/accounts/login/", sent) for _ in range(5)]
    assert {answer.status_code for answer in first} == {200}
    right = {"login": person.email, "password": PASSWORD}
    limited = Client().post("/accounts/login/", right)
    assert "_auth_user_id" not in limited.wsgi_request.session
    assert "oo many" in limited.content.decode()
    # Nobody else is kept out by it.
    other = make_user()
    sent = {"login": other.email, "password": PASSWORD}
    assert Client(REMOTE_ADDR="192.0.2.7").post("/accounts/login/", sent).status_code == 302


@pytest.mark.parametrize(
    ("path", "sent", "most"),
    [
        ("/accounts/signup/", {}, 20),
        ("/accounts/password/reset/", {"email": "somebody@test.example"}, 5),
    ],
)
def test_sign_up_and_mails_are_slowed_down(plain_static, path, sent, most):
    answers = [Client().post(path, sent).status_code for _ in range(most + 1)]
    assert 429 not in answers[:most]
    assert answers[-1] == 429


def test_confirming_who_one_is_is_slowed_down(plain_static):
    client = signed_in(Client(), make_user(), minutes_ago=60)
    sent = {"password": "not the right one"}
    answers = [client.post("/accounts/reauthenticate/", sent) for _ in range(11)]
    assert answers[0].status_code == 200
    assert answers[-1].status_code == 429 or "oo many" in answers[-1].content.decode()


SMUGGLED = [
    b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
    b"Content-Length: 5\r\nContent-Length: 6\r\n",
    b"Transfer-Encoding: chunked, identity\r\n",
    b"Transfer-Encoding : chunked\r\n",
    b"Content-Length: +5\r\n",
]


@pytest.mark.parametrize("lengths", SMUGGLED)
def test_the_web_server_refuses_bodies_of_two_lengths(lengths):
    """With what `manage.py up` sets of gunicorn: nothing about parsing."""
    sent = b"POST / HTTP/1.1\r\nHost: x\r\n" + lengths + b"\r\n0\r\n\r\n"
    with pytest.raises(ParseException):
        next(RequestParser(Config(), iter([sent]), ("192.0.2.1", 1)))


def test_addresses_count_behind_trusted_proxies_only(settings, rf):
    def seen(header: str, proxies: int) -> str:
        settings.POLDER_TRUSTED_PROXIES = proxies
        request = rf.get("/", headers={"X-Forwarded-For": header} if header else {})
        ClientAddress(lambda _: None)(request)  # type: ignore[arg-type,return-value]
        return str(request.META["REMOTE_ADDR"])

    assert seen("203.0.113.9", 0) == "127.0.0.1"
    assert seen("203.0.113.9", 1) == "203.0.113.9"
    assert seen("10.6.6.6, 203.0.113.9", 1) == "203.0.113.9"
    assert seen("203.0.113.9, 198.51.100.2", 2) == "203.0.113.9"
    assert seen("203.0.113.9", 2) == "127.0.0.1"
    assert seen("", 1) == "127.0.0.1"
    assert seen("<script>", 1) == "127.0.0.1"


# -- fields that nobody asked for ------------------------------------------------------------------


def test_fields_that_are_not_offered_change_nothing(place):
    person = place.people[Role.VIEWER]
    extra = {"is_staff": "1", "is_superuser": "on", "email": "x@evil.example", "password": "x"}
    client = signed_in(Client(), person)
    client.post("/account/", {"name": "Somebody", "language": "de", **extra})
    person.refresh_from_db()
    assert (person.name, person.is_staff, person.is_superuser) == ("Somebody", False, False)
    assert "evil" not in person.email
    assert person.check_password(PASSWORD)
    fresh = {"email": "made@test.example", "password1": PASSWORD, "password2": PASSWORD}
    Client().post("/accounts/signup/", {**fresh, **extra, "email": "made@test.example"})
    made = User.objects.get(email="made@test.example")
    assert (made.is_staff, made.is_superuser) == (False, False)


def test_the_api_refuses_fields_that_are_not_offered(place):
    instance, owner = place.world["instance"], place.people[Role.OWNER]
    header = {"Authorization": f"Bearer {make_token(owner)}"}
    before = Instance.objects.filter(pk=instance.pk).values().get()
    for sent in (
        {"phase": "deleted"},
        {"price_hourly": "0"},
        {"organisation": "elsewhere"},
        {"project": "elsewhere"},
        {"public_id": "pg-00000000"},
    ):
        url = reverse("api:instance", args=[instance.public_id])
        answer = Client().patch(url, sent, content_type="application/json", headers=header)
        assert answer.status_code in (400, 422), sent
    assert Instance.objects.filter(pk=instance.pk).values().get() == before


@pytest.mark.parametrize(
    ("address", "most"),
    [
        ("/tokens/new/", 30),
        ("/tokens/accounts/new/", 30),
        ("/orgs/new/", 10),
        ("/orgs/dike/projects/new/", 30),
        ("/projects/shop/quota/", 20),
        ("/services/pg-00000000/reveal/", 120),
        ("/account/data/export/", 10),
    ],
)
def test_what_is_costly_is_done_so_often_an_hour_and_no_more(plain_static, address, most):
    """Counted before anything else is looked at: what is wrong counts too."""
    client = signed_in(Client(), make_user())
    answers = [client.post(address, {}).status_code for _ in range(most + 1)]
    assert 429 not in answers[:-1]
    assert answers[-1] == 429
    assert int(client.post(address, {})["Retry-After"]) > 0
