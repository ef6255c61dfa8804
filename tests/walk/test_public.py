"""Pages for everybody: what they show, what caches may keep, what is put away."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from email.message import Message
from xml.etree import ElementTree

import html5lib
import pytest
from django.test import Client
from django.urls import reverse

from portal.console.licences import licence_of
from portal.kernel import clock
from portal.status import actions
from services.regions.models import RegionHealth
from tests.makers import make_member, make_project, make_region, make_staff

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static", "prices")]


@pytest.fixture
def staff():
    return make_staff()


@pytest.fixture
def fra1():
    region = make_region("fra1", name="Frankfurt", backend="process", checked_at=clock.now())
    RegionHealth.objects.create(region=region, state="ok", at=clock.now() - timedelta(days=3))
    return region


def incident(staff, **fields):
    wanted = {"title": "Slow disks", "text": "We look into it.", "impact": "major", **fields}
    return actions.open_incident(actor=staff, **wanted)


def text(response) -> str:
    return response.content.decode()


def tree(response) -> ElementTree.Element:
    return ElementTree.fromstring(response.content)  # noqa: S314 - our own


# -- status ----------------------------------------------------------------------------------------


def test_the_status_page_says_how_things_are(client, staff, fra1):
    page = text(client.get("/status/"))
    assert "Everything runs normally." in page
    assert "3 days without trouble" not in page  # today counts too: four bars
    assert "4 days without trouble, 86 without data" in page
    found = incident(staff, regions=["fra1"], families=["databases"])
    page = text(client.get("/status/"))
    assert "Some services are down." in page
    assert "Slow disks" in page
    assert reverse("console:status-incident", args=[found.public_id]) in page


def test_without_any_check_there_is_no_data(client):
    make_region("fra1", backend="process")
    page = text(client.get("/status/"))
    assert "There is no fresh data." in page
    assert "No region has been checked yet." in page
    assert "Runs normally" not in page


def test_an_incident_has_its_page_and_an_unknown_one_none(client, staff):
    found = incident(staff)
    page = text(client.get(reverse("console:status-incident", args=[found.public_id])))
    assert "We look into it." in page
    missing = client.get("/status/incidents/inc-ffffffff/")
    assert missing.status_code == 404
    assert "See the list of incidents" in text(missing)


def test_history_goes_month_by_month(client, staff):
    incident(staff, started_at=clock.now() - timedelta(days=70), title="Long ago")
    now = text(client.get("/status/history/"))
    assert "Long ago" in now  # it has not ended
    before = (clock.now() - timedelta(days=70)).strftime("%Y-%m")
    assert "Long ago" in text(client.get(f"/status/history/?month={before}"))
    assert client.get("/status/history/?month=never").status_code == 200
    assert client.get("/status/history/?month=9999-12").status_code == 200


def test_feeds_carry_every_update_once(client, staff):
    found = incident(staff)
    actions.resolve_incident(actor=staff, incident=found, text="Replaced <b>it</b>.")
    actions.schedule_maintenance(
        actor=staff,
        title="Switches",
        text="Short breaks.",
        starts_at=clock.now() + timedelta(days=2),
        ends_at=clock.now() + timedelta(days=2, hours=1),
    )
    answer = client.get("/status/rss/")
    assert answer["Content-Type"].startswith("application/rss+xml")
    items = tree(answer).findall("./channel/item")
    assert {i.findtext("title") for i in items} == {
        "Slow disks · Investigating",
        "Slow disks · Resolved",
        "Planned work: Switches",
    }
    assert len({i.findtext("guid") for i in items}) == 3
    assert "Replaced <b>it</b>." in {i.findtext("description") for i in items}
    atom = tree(client.get("/status/atom/"))
    assert len(atom.findall("{http://www.w3.org/2005/Atom}entry")) == 3


def test_the_json_says_the_same_to_programs(client, staff, fra1):
    found = incident(staff, families=["databases"])
    answer = client.get("/status.json")
    assert answer["Access-Control-Allow-Origin"] == "*"
    board = json.loads(answer.content)
    assert board["state"] == "down"
    [region] = board["regions"]
    assert {f["family"]: f["state"] for f in region["families"]}["databases"] == "down"
    assert board["incidents"][0]["id"] == found.public_id
    assert board["incidents"][0]["updates"][0]["text"] == "We look into it."


# -- caches ----------------------------------------------------------------------------------------

CACHED = [
    *("/status/", "/status/history/", "/status/rss/", "/status/atom/", "/status.json"),
    *("/licences/", "/licences/polder.txt", "/trademarks/", "/robots.txt"),
    *("/catalogue/", "/catalogue/postgresql/", "/api/docs/", "/api/docs/instances/"),
]


@pytest.mark.parametrize("path", CACHED)
def test_caches_may_keep_what_is_the_same_for_everybody(client, staff, fra1, path):
    incident(staff)
    answer = client.get(path)
    assert "public" in answer["Cache-Control"]
    assert {"Cookie", "Accept-Language"} <= set(answer["Vary"].split(", "))
    assert not answer.cookies
    again = client.get(path, headers={"If-None-Match": answer["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("path", CACHED)
def test_a_page_of_somebody_is_kept_by_nobody_else(client, fra1, path):
    client.force_login(make_member(make_project()))
    answer = client.get(path)
    assert answer["Cache-Control"] == "private, no-store"
    assert "ETag" not in answer


def test_answers_to_htmx_are_kept_by_nobody(client, fra1):
    answer = client.get("/status/", headers={"HX-Request": "true"})
    assert answer["Cache-Control"] == "private, no-cache"


def test_a_strange_cookie_makes_a_page_personal(client):
    client.cookies["strange"] = "something"
    assert "private" in client.get("/status/")["Cache-Control"]


def test_the_json_has_a_date(client, fra1):
    answer = client.get("/status.json")
    later = client.get("/status.json", headers={"If-Modified-Since": answer["Last-Modified"]})
    assert later.status_code == 304


# -- licences, trademarks, small files -------------------------------------------------------------


def test_licences_come_from_what_is_installed(client):
    page = text(client.get("/licences/"))
    for part in ("PostgreSQL 17", "psycopg", "LGPL-3.0-only", "OFL-1.1", "0BSD"):
        assert part in page
    assert "EUROPEAN UNION PUBLIC LICENCE" in text(client.get("/licences/polder.txt"))


@pytest.mark.parametrize(
    ("fields", "licence"),
    [
        ({"License-Expression": "MIT", "License": "other"}, "MIT"),
        ({"License": "Apache 2.0"}, "Apache 2.0"),
        ({"License": "A long text " * 20, "Classifier": "License :: OSI Approved :: ISC"}, "ISC"),
        ({"Classifier": "Topic :: Internet"}, "–"),
    ],
)
def test_what_a_package_says_of_itself(fields, licence):
    about = Message()
    for name, value in fields.items():
        about[name] = value
    assert licence_of(about) == licence


def test_every_offering_with_a_product_name_says_whose_it_is(client):
    page = text(client.get("/trademarks/"))
    for owner in ("PostgreSQL Community Association of Canada", "The Apache Software Foundation"):
        assert owner in page


def test_robots_may_read_what_is_public(client):
    lines = text(client.get("/robots.txt")).splitlines()
    assert lines[:2] == ["User-agent: *", "Disallow: /"]
    assert {"Allow: /prices/", "Allow: /static/"} <= set(lines)


def test_security_txt_needs_a_contact(client, settings):
    assert client.get("/.well-known/security.txt").status_code == 404
    settings.POLDER_SECURITY_CONTACT = ["mailto:security@example.eu"]
    settings.POLDER_SECURITY_POLICY = "https://example.eu/policy"
    lines = dict(
        line.split(": ", 1)
        for line in text(client.get("/.well-known/security.txt")).strip().splitlines()
    )
    assert lines["Contact"] == "mailto:security@example.eu"
    assert lines["Policy"] == "https://example.eu/policy"
    expires = datetime.fromisoformat(lines["Expires"])
    assert timedelta(days=140) < expires - clock.now() < timedelta(days=365)


def test_browsers_find_an_icon(client):
    assert client.get("/favicon.ico")["Location"].endswith("favicon.svg")


def test_the_footer_leads_to_the_law(client, settings):
    assert "Imprint" not in text(client.get("/prices/"))
    settings.POLDER_IMPRINT_URL = "https://example.eu/imprint"
    assert "https://example.eu/imprint" in text(client.get("/prices/"))


def test_the_way_in_leads_to_what_needs_no_account(client):
    page = text(client.get("/accounts/login/"))
    for link in ("/catalogue/", "/prices/", "/status/"):
        assert f'href="{link}"' in page


OPEN = [
    *(
        "/catalogue/",
        "/catalogue/postgresql/",
        "/prices/",
        "/prices/rates/",
        "/prices/calculator/",
        "/status/",
    ),
    *("/status/history/", "/licences/", "/trademarks/", "/api/docs/", "/api/docs/errors/"),
]


@pytest.mark.parametrize("path", OPEN)
def test_public_pages_say_what_they_are_and_lead_on(client, settings, path):
    page = text(client.get(f"{path}?utm=x"))
    assert f'<link rel="canonical" href="{settings.POLDER_URL}{path}">' in page
    [about] = re.findall(r'<meta name="description" content="([^"]+)">', page)
    assert 20 < len(about) <= 170
    for link in ("/prices/", "/status/", "/licences/", "/trademarks/", "/accounts/login/"):
        assert f'href="{link}' in page
    html5lib.HTMLParser(strict=True).parse(page.lstrip())


def test_public_pages_do_not_repeat_their_title(client):
    titles = [re.findall(r"<title>([^<]+)</title>", text(client.get(path)))[0] for path in OPEN]
    assert len(set(titles)) == len(titles)


# -- notices ---------------------------------------------------------------------------------------


def test_every_page_carries_the_most_urgent_notice(client, staff):
    client.force_login(make_member(make_project()))
    actions.announce(actor=staff, text="A new region opens.", link="/prices/")
    incident(staff, title="No orders in Frankfurt")
    page = text(client.get("/services/"))
    assert "No orders in Frankfurt" in page
    assert "1 more notice" in page
    assert "A new region opens." not in page
    assert "A new region opens." in text(client.get("/notices/"))


def test_visitors_see_what_is_for_everybody(client, staff):
    actions.announce(actor=staff, text="A new region opens.")
    assert "A new region opens." in text(client.get("/catalogue/"))


def test_a_notice_is_put_away_with_and_without_script(client, staff):
    first = actions.announce(actor=staff, text="First news.", dismissible=True)
    second = actions.announce(actor=staff, text="Second news.", dismissible=True)
    away = reverse("console:notice-away", args=[second.public_id])
    answer = client.post(away, headers={"Referer": "http://testserver/catalogue/"})
    assert (answer.status_code, answer["Location"]) == (303, "/catalogue/")
    assert "First news." in text(client.get("/catalogue/"))
    away = reverse("console:notice-away", args=[first.public_id])
    answer = client.post(away, headers={"HX-Request": "true"})
    assert "news" not in text(answer)
    assert "news" not in text(client.get("/catalogue/"))


@pytest.mark.parametrize("path", ["/theme/", "/notices/ann-00000000/away/"])
def test_forms_without_a_token_take_nothing_from_elsewhere(path):
    client = Client(enforce_csrf_checks=True)
    evil = client.post(path, {"theme": "dark"}, headers={"Origin": "https://evil.example"})
    assert (evil.status_code, evil.cookies.keys() & {"polder_theme", "polder_away"}) == (403, set())
    ours = client.post(path, {"theme": "dark"}, headers={"Origin": "http://testserver"})
    assert ours.status_code == 303
