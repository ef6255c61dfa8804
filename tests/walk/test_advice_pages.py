"""Advice on costs: pages, the card on the overview, and the answers of the API."""

import re
from datetime import date, timedelta
from html import unescape

import pytest

from billing import cycle
from billing.advice import keeping
from billing.models import Recommendation
from portal.kernel import clock
from portal.tenancy.permissions import Role
from services.instances.models import Instance, InstanceEvent, UtilisationDay
from tests.billing.advice.days import NOW, measured
from tests.makers import make_member, make_project, make_region, put_instance, signed_in
from tests.portal.api import Api, finish, problem

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("prices", "fake", "plain_static")]

LARGE, SMALL = "single-4x16", "single-2x8"


@pytest.fixture
def project(monkeypatch):
    """A database that is too large, and one that nobody uses."""
    monkeypatch.setattr(clock, "now", lambda: NOW)
    project, region = make_project(), make_region()
    measured(put_instance(project, region, plan=LARGE, name="orders-db"))
    measured(put_instance(project, region, plan=SMALL, name="old-db"), clients=0)
    keeping.find_advice()
    return project


@pytest.fixture
def owner(project):
    return make_member(project, Role.OWNER)


def the(kind):
    return Recommendation.objects.get(kind=kind)


def test_the_list_shows_what_could_be_saved(client, owner):
    text = signed_in(client, owner).get("/costs/advice/").content.decode()
    assert f"Change orders-db from {LARGE} to {SMALL}" in text
    assert "Pause old-db, which nobody uses" in text
    assert text.index("orders-db") < text.index("old-db")  # the larger saving first
    assert "177.77" in text  # 93.67 and 84.10


@pytest.mark.parametrize(
    ("query", "shown", "hidden"),
    [
        ("?kind=idle", "old-db", "orders-db"),
        ("?status=dismissed", "None of these", "old-db"),
        ("?status=nonsense&kind=;--", "old-db", "None of these"),
    ],
)
def test_filters(client, owner, query, shown, hidden):
    text = signed_in(client, owner).get(f"/costs/advice/{query}").content.decode()
    assert shown in text
    assert hidden not in text


def test_without_any_it_says_when(client, owner):
    Recommendation.objects.all().delete()
    text = signed_in(client, owner).get("/costs/advice/").content.decode()
    assert "once 30 hours" in text


def test_one_shows_its_figures_and_what_following_it_costs(client, owner):
    page = signed_in(client, owner).get(f"/costs/advice/{the('right_size').public_id}/")
    text = page.content.decode()
    assert "95 % of the time it took at most 0.10 vCPU" in text
    assert 'class="chart"' in text
    assert "187.35" in text  # now
    assert "93.67" in text  # then, and the saving
    assert "Do it now" in text


def test_following_it_leads_to_the_operation(client, owner):
    row = the("right_size")
    answer = signed_in(client, owner).post(f"/costs/advice/{row.public_id}/apply/")
    row.refresh_from_db()
    assert answer["Location"] == f"/operations/{row.operation.public_id}/"
    assert row.status == "applied"
    again = client.post(f"/costs/advice/{row.public_id}/apply/")
    assert again.status_code == 409


def test_putting_it_away_wants_a_reason(client, owner):
    row = the("idle")
    url = f"/costs/advice/{row.public_id}/dismiss/"
    wrong = signed_in(client, owner).post(url, {"reason": "", "days": "30"})
    assert wrong.status_code == 422
    assert "Say why" in wrong.content.decode()
    assert client.post(url, {"reason": "A spare.", "days": "x"}).status_code == 422
    done = client.post(url, {"reason": "A spare.", "days": "365"})
    assert done["Location"] == "/costs/advice/"
    text = client.get(f"/costs/advice/{row.public_id}/").content.decode()
    assert "A spare." in text
    assert "Do it now" not in text


def test_whoever_sees_costs_only_learns_no_names(client, project):
    money = make_member(project, Role.BILLING)
    text = signed_in(client, money).get("/costs/advice/").content.decode()
    assert "old-db" not in text
    assert the("idle").subject in text
    one = client.get(f"/costs/advice/{the('idle').public_id}/").content.decode()
    assert "Do it now" not in one
    assert "/services/" not in one.partition("<main")[2]


def test_a_reservation_leads_to_its_purchase(client, owner, project):
    UtilisationDay.objects.all().delete()  # nothing else to be done with them
    for instance in Instance.objects.all():
        begun = NOW - timedelta(days=40)
        Instance.objects.filter(pk=instance.pk).update(created_at=begun)
        InstanceEvent.objects.create(
            instance=instance, code="created", at=begun, plan=instance.plan
        )
    for month in (date(2026, 9, 1), date(2026, 10, 1)):
        cycle.meter_month(month)
    keeping.find_advice()
    row = the("reserve")
    text = signed_in(client, owner).get(f"/costs/advice/{row.public_id}/").content.decode()
    assert "Do it now" not in text
    [url] = re.findall(r'href="(/costs/commitments/[^"]+)"', text)
    filled = client.get(unescape(url)).content.decode()
    assert f'value="{row.proposed["layers"][0]["pieces"]}"' in filled
    assert f"Reserve 3 × PostgreSQL {SMALL}" in client.get("/costs/advice/").content.decode()


def test_the_overview_names_the_largest(client, owner):
    text = signed_in(client, owner).get("/").content.decode()
    assert "Could cost less" in text
    assert f"Change orders-db from {LARGE} to {SMALL}" in text


def test_the_answers_of_the_api(owner):
    api = Api(owner)
    rows = api.get("advice?status=open").json()["results"]
    assert [row["kind"] for row in rows] == ["idle", "right_size"]
    found = rows[1]
    assert found["saving_month"] == {"amount": "93.67", "currency": "EUR"}
    assert (found["proposed"]["plan"], found["realised_month"]) == (SMALL, None)
    assert api.get(f"advice/{found['id']}").json() == found
    assert [r["kind"] for r in api.get("advice?kind=idle").json()["results"]] == ["idle"]
    problem(api.get("advice?kind=other"), 400, "invalid-query")
    problem(api.get("advice/ad-00000000"), 404, "not-found")


def test_the_api_follows_and_puts_away(owner):
    api, row, idle = Api(owner), the("right_size"), the("idle")
    finish(api.post(f"advice/{row.public_id}/apply"))
    assert Instance.objects.get(name="orders-db").plan == SMALL
    problem(api.post(f"advice/{row.public_id}/apply"), 409, "conflict")
    problem(api.post(f"advice/{idle.public_id}/dismiss", {"reason": ""}), 422, "invalid")
    problem(api.post(f"advice/{idle.public_id}/dismiss", {}), 422, "invalid")
    done = api.post(f"advice/{idle.public_id}/dismiss", {"reason": "A spare.", "days": 30})
    assert (done.status_code, done.json()["status"]) == (200, "dismissed")
    assert done.json()["dismissed_until"] == "2026-11-19T12:00:00.000Z"


def test_a_viewer_only_reads(project):
    api = Api(make_member(project, Role.VIEWER))
    assert len(api.get("advice").json()["results"]) == 2
    problem(api.post(f"advice/{the('idle').public_id}/apply"), 403, "not-permitted")
