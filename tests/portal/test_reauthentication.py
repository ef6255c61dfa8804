"""A recent proof before sensitive acts, and nothing typed is lost on the way to it."""

from __future__ import annotations

import html
import re

import pytest
from django.test import Client
from django.urls import reverse

from portal.tenancy.permissions import Role
from services.instances.models import Instance, Operation
from tests.makers import PASSWORD, make_instance, make_member, make_project, make_region, signed_in

pytestmark = [
    pytest.mark.walk,
    pytest.mark.django_db,
    pytest.mark.usefixtures("prices", "plain_static"),
]
HTMX = {"HX-Request": "true"}


@pytest.fixture
def project():
    return make_project(slug="shop")


@pytest.fixture
def instance(project, fake):
    return make_instance(project, make_region())


@pytest.fixture
def person(project):
    return make_member(project, Role.OWNER)


def address(name: str, instance: Instance) -> str:
    return reverse(f"console:{name}", args=[instance.public_id])


def confirm(client: Client, url: str) -> str:
    """Types the password on the page where the person was sent; returns where that leads."""
    answer = client.post(url, {"password": PASSWORD, "next": url.partition("next=")[2]})
    assert answer.status_code == 302, answer.content
    return str(answer["Location"])


def sent_by(page: str) -> tuple[str, dict[str, str]]:
    """Address and fields of the form that goes on with what was kept."""
    action = re.search(r'class="card stack narrow" method="post" action="([^"]+)"', page)
    fields = re.findall(r'<input id="kept-\d+" name="([^"]*)" value="([^"]*)"', page)
    return action[1], {name: html.unescape(value) for name, value in fields}


def unquoted(url: str) -> str:
    return url.replace("%2F", "/")


@pytest.mark.parametrize(
    ("name", "sent"),
    [("service-reveal", {}), ("service-delete", {"name": "n", "unprotect": "1"})],
)
def test_an_old_sign_in_does_not_do(client, person, instance, name, sent):
    signed_in(client, person, minutes_ago=16)
    answer = client.post(address(name, instance), sent)
    assert answer.status_code == 303
    assert answer["Location"].startswith("/accounts/reauthenticate/?next=%2Fresume%2F")
    assert not Operation.objects.filter(instance=instance, kind="delete").exists()


def test_the_page_of_the_form_opens_all_the_same(client, person, instance):
    signed_in(client, person, minutes_ago=16)
    assert client.get(address("service-delete", instance)).status_code == 200


def test_how_long_is_a_setting(client, person, instance, settings):
    settings.ACCOUNT_REAUTHENTICATION_TIMEOUT = 60 * 30
    signed_in(client, person, minutes_ago=16)
    assert client.post(address("service-reveal", instance)).status_code == 200


def test_a_sign_in_by_form_is_fresh(client, person, instance):
    client.post("/accounts/login/", {"login": person.email, "password": PASSWORD})
    assert client.post(address("service-reveal", instance)).status_code == 200


def test_a_fresh_proof_of_somebody_else_is_none(client, person, project, instance):
    signed_in(client, make_member(project))
    session = client.session
    proofs = {key: session[key] for key in dict(session.items()) if key.startswith("account_auth")}
    client.force_login(person)
    session = client.session
    session.update(proofs)
    session.save()
    assert client.post(address("service-reveal", instance)).status_code == 303


def test_what_was_sent_goes_on_after_the_confirmation(client, person, instance):
    signed_in(client, person, minutes_ago=16)
    typed = {"name": instance.name, "unprotect": "1"}
    answer = client.post(address("service-delete", instance), typed)
    page = client.get(confirm(client, unquoted(answer["Location"]))).content.decode()
    assert "nothing has been done yet" in page
    assert "<details open>" in page  # what would be sent is seen before it is
    action, fields = sent_by(page)
    assert (action, fields) == (address("service-delete", instance), typed)
    assert client.post(action, fields).status_code == 303
    assert Operation.objects.filter(instance=instance, kind="delete").exists()


def test_htmx_is_led_to_the_confirmation_as_a_whole_page(client, person, instance):
    signed_in(client, person, minutes_ago=16)
    here = f"http://testserver{address('service', instance)}?q=1"
    answer = client.post(
        address("service-reveal", instance), headers={**HTMX, "HX-Current-URL": here}
    )
    assert answer.status_code == 204
    page = client.get(confirm(client, unquoted(answer["HX-Redirect"]))).content.decode()
    assert f'href="{address("service", instance)}?q=1"' in page
    action, fields = sent_by(page)
    assert (action, fields) == (address("service-reveal", instance), {})
    assert str(instance.public_id) in client.post(action, fields).content.decode()


def test_a_wrong_password_confirms_nothing(client, person, instance):
    signed_in(client, person, minutes_ago=16)
    url = unquoted(client.post(address("service-reveal", instance))["Location"])
    answer = client.post(url, {"password": "not the right one"})
    assert answer.status_code == 200
    assert client.post(address("service-reveal", instance)).status_code == 303


# -- a session that ended while a form was open ----------------------------------------------------


def order(client: Client, **headers: str):
    return client.post(
        reverse("console:order", args=["postgresql"]),
        {"name": "orders-db", "region": "local", "p-password": "secret-1", "note": "a\nb"},
        headers=headers,
    )


def test_what_was_typed_is_there_again_after_the_sign_in(client, person):
    answer = order(client, Referer="http://testserver/catalogue/postgresql/order/?plan=dev-1x1")
    url = unquoted(answer["Location"])
    assert url.startswith("/accounts/login/?next=/resume/")
    typed = {"login": person.email, "password": PASSWORD, "next": url.partition("next=")[2]}
    page = client.get(client.post(url, typed)["Location"]).content.decode()
    action, fields = sent_by(page)
    assert action == "/catalogue/postgresql/order/"
    assert fields == {"name": "orders-db", "region": "local"}
    assert ">a\nb</textarea>" in page
    assert 'href="/catalogue/postgresql/order/?plan=dev-1x1"' in page
    # A secret is not kept, and the page says so.
    assert "secret-1" not in page
    assert "secret-1" not in str(dict(client.session))
    assert "Secrets and files were not kept" in page


def test_htmx_is_told_and_the_page_stays(client):
    answer = order(client, **HTMX)
    assert answer.status_code == 401
    assert '{"session-over": {"login": "/accounts/login/?next=%2Fresume%2F' in answer["HX-Trigger"]
    fragment = client.get("/services/", headers={**HTMX, "HX-Current-URL": "http://testserver/a?b"})
    assert fragment.status_code == 401
    assert "/accounts/login/?next=%2Fa%3Fb" in fragment["HX-Trigger"]
    assert not client.session.get("kept_forms") or len(client.session["kept_forms"]) == 1


def test_a_page_of_elsewhere_is_never_the_way_back(client, person):
    headers = {**HTMX, "HX-Current-URL": "https://evil.example/x"}
    fragment = client.get("/services/", headers=headers)
    assert '/accounts/login/?next=%2F"' in fragment["HX-Trigger"]
    url = unquoted(order(client, Referer="https://evil.example/x")["Location"])
    client.post(url, {"login": person.email, "password": PASSWORD})
    assert "evil.example" not in client.get(url.partition("next=")[2]).content.decode()


def test_what_was_kept_is_of_one_session_and_a_quarter_of_an_hour(client, person, monkeypatch):
    url = unquoted(order(client)["Location"]).partition("next=")[2]
    signed_in(client, person)
    assert client.get(url).status_code == 200
    stranger = signed_in(Client(), person)
    assert stranger.get(url)["Location"] == "/"
    session = client.session
    kept = session["kept_forms"]
    session["kept_forms"] = {name: {**one, "at": one["at"] - 901} for name, one in kept.items()}
    session.save()
    assert client.get(url)["Location"] == "/"


def test_too_much_is_not_kept(client):
    answer = client.post(reverse("console:scope"), {"project": "x" * 40_000})
    assert answer["Location"] == "/accounts/login/?next=%2F"
    assert "kept_forms" not in client.session


def test_a_form_older_than_the_sign_in_keeps_what_was_typed(person):
    client = signed_in(Client(enforce_csrf_checks=True), person)
    client.get("/")
    headers = {"Origin": "http://testserver"}
    answer = client.post(reverse("console:scope"), {"project": "shop"}, headers=headers)
    assert answer.status_code == 303
    page = client.get(answer["Location"]).content.decode()
    assert sent_by(page) == ("/scope/", {"project": "shop"})
    # From elsewhere, or from who knows where, it is refused and nothing is kept.
    for headers in ({}, {"Origin": "https://evil.example"}, {"Origin": "null"}):
        answer = client.post(reverse("console:scope"), {"project": "shop"}, headers=headers)
        assert answer.status_code == 403
