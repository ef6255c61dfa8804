"""In which language Polder answers: the reader's setting, else the cookie, else the browser."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from tests.makers import make_member, make_project, make_user, signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static", "prices")]
COOKIE = "polder_language"


def language_of(answer) -> str:
    page = answer.content.decode()
    said = page.partition('<html lang="')[2].partition('"')[0]
    assert answer["Content-Language"] == said
    return said


def asked_for(answer) -> set[str]:
    return {word.strip() for word in answer["Vary"].split(",")}


def test_a_visitor_is_answered_as_the_browser_asks():
    for wanted, said in (
        ("de-AT,de;q=0.9", "de"),
        ("en-US", "en-gb"),
        ("fr", "fr"),
        ("ja", "en-gb"),
    ):
        answer = Client().get("/catalogue/", headers={"Accept-Language": wanted})
        assert language_of(answer) == said
        assert {"Accept-Language", "Cookie"} <= asked_for(answer)


def test_the_switch_of_a_visitor_sets_a_cookie_and_leads_back(client):
    page = client.get("/accounts/login/").content.decode()
    assert f'action="{reverse("console:language")}"' in page
    back = "http://testserver/status/"
    answer = client.post("/language/", {"language": "de"}, headers={"Referer": back})
    assert (answer.status_code, answer["Location"]) == (303, "/status/")
    assert client.cookies[COOKIE]["samesite"] == "Lax"
    assert client.cookies[COOKIE]["httponly"]
    answer = client.get("/accounts/login/", headers={"Accept-Language": "fr"})
    assert language_of(answer) == "de"


def test_an_unknown_language_and_a_form_of_another_site_set_nothing(client):
    assert client.post("/language/", {"language": "xx"}).status_code == 303
    sent = client.post(
        "/language/", {"language": "de"}, headers={"Origin": "https://elsewhere.example"}
    )
    assert sent.status_code == 403
    assert COOKIE not in client.cookies


def test_what_a_person_has_set_wins_over_cookie_and_browser(client):
    person = make_member(make_project(), user=make_user(language="fr"))
    signed_in(client, person)
    client.cookies[COOKIE] = "de"
    assert language_of(client.get("/", headers={"Accept-Language": "en"})) == "fr"


def test_without_a_setting_the_cookie_holds(client):
    client.force_login(make_user())
    client.cookies[COOKIE] = "de"
    assert language_of(client.get("/")) == "de"


def test_pages_of_visitors_ask_no_query_for_their_language(client, django_assert_num_queries):
    with django_assert_num_queries(0):
        client.get("/accounts/login/", headers={"Accept-Language": "de"})


def test_caches_keep_a_public_page_for_each_language(client):
    pages = {
        client.get("/status/", headers={"Accept-Language": wanted})["ETag"]
        for wanted in ("en", "de", "fr")
    }
    assert len(pages) == 3


def test_the_document_of_the_api_is_english_and_its_pages_are_not(client):
    wanted = {"Accept-Language": "de"}
    answer = client.get("/api/v1/schema/", headers=wanted)
    assert answer["Content-Language"] == "en-gb"
    assert "Needs the permission" in answer.content.decode()
    assert language_of(client.get("/api/docs/", headers=wanted)) == "de"
