"""The cost explorer and its answer in the API."""

import csv
from datetime import UTC, datetime

import pytest

from billing import cycle
from portal.kernel import clock
from portal.tenancy.permissions import Role
from services.instances.models import Instance, InstanceEvent
from tests.makers import make_instance, make_member, make_project, make_region, signed_in
from tests.portal.api import Api, problem

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("prices", "fake", "plain_static")]


@pytest.fixture
def member(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 10, 3, 12, tzinfo=UTC))
    instance = make_instance(make_project(), make_region(), plan="single-2x8", tags={"env": "prod"})
    InstanceEvent.objects.all().delete()
    at = datetime(2026, 10, 1, tzinfo=UTC)
    instance.created_at = at
    instance.save()
    InstanceEvent.objects.create(instance=instance, code="created", at=at, plan=instance.plan)
    cycle.meter_and_rate()
    return make_member(instance.project, Role.BILLING)


def test_the_page_shows_sum_chart_and_table(client, member):
    text = signed_in(client, member).get("/costs/").content.decode()
    assert text.count("7.70") >= 3  # 2.5 days: figure, table, total
    assert "PostgreSQL" in text
    assert 'class="chart"' in text


@pytest.mark.parametrize(
    "query", ["?by=family", "?by=tag:env", "?period=month", "?by=instance", "?project=nobodys"]
)
def test_every_view_has_the_same_sum(client, member, query):
    assert "7.70" in signed_in(client, member).get(f"/costs/{query}").content.decode()


@pytest.mark.parametrize("query", ["?month=nonsense", "?month=2099-01", "?by=;--&period=hour"])
def test_what_cannot_be_read_is_as_if_it_were_not_there(client, member, query):
    assert "7.70" in signed_in(client, member).get(f"/costs/{query}").content.decode()


def test_a_month_without_costs_says_why(client, member):
    text = signed_in(client, member).get("/costs/?month=2026-08").content.decode()
    assert "worked out every hour" in text


def test_the_table_for_programs_is_exact(client, member):
    answer = signed_in(client, member).get("/costs/costs.csv")
    rows = list(csv.DictReader(answer.content.decode().splitlines()))
    assert [row["start"] for row in rows] == ["2026-10-01", "2026-10-02", "2026-10-03"]
    assert rows[0]["billed_cost"].startswith("3.07968")
    assert "attachment" in answer["Content-Disposition"]


@pytest.mark.parametrize("role", [Role.OWNER, Role.VIEWER])
def test_a_service_shows_what_its_costs_are_made_of(client, member, role):
    instance = Instance.objects.get()
    reader = make_member(instance.project, role)
    text = signed_in(client, reader).get(f"/services/{instance.public_id}/costs/").content.decode()
    assert "120 hour" in text  # two vCPUs for sixty hours
    assert "0.02592" in text
    assert "7.70" in text


def test_a_service_without_costs_says_why(client, member):
    instance = Instance.objects.get()
    address = f"/services/{instance.public_id}/costs/?month=2026-08"
    reader = make_member(instance.project, Role.OWNER)
    text = signed_in(client, reader).get(address).content.decode()
    assert "worked out every hour" in text


def test_the_api_says_the_same(member):
    found = Api(member).get("costs?group_by=tag:env&period=month").json()
    assert (found["basis"], found["total"]) == ("net", "7.6992")
    assert [(row["start"], row["group"]) for row in found["rows"]] == [("2026-10-01", "prod")]


def test_the_api_takes_a_span(member):
    address = "costs?from=2026-10-02T00:00:00Z&to=2026-10-03T00:00:00Z"
    assert Api(member).get(address).json()["total"] == "3.07968"


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("group_by=colour", "?group_by"),
        ("tag=env", "?tag"),
        ("from=2026-10-02T00:00:00Z&to=2026-10-02T00:00:00Z", "?to"),
    ],
)
def test_the_api_names_what_it_cannot_read(member, query, pointer):
    body = problem(Api(member).get(f"costs?{query}"), 400, "invalid-query")
    assert [fault["pointer"] for fault in body["errors"]] == [pointer]
