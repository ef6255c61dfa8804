"""The cost explorer and its answer in the API."""

import csv
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from billing import cycle
from billing.budgets.actions import create_budget
from billing.costs.posting import Posting, post
from billing.formats import money
from billing.identity.queries import rate_for
from billing.models import CostAnomaly, CostLine, CostRollup, InstanceRollup, Price
from billing.pricebook import queries
from portal.console import costs as building
from portal.console.models import SavedView
from portal.kernel import clock
from portal.kernel.actor import SYSTEM
from portal.tenancy.models import Organisation, Project
from portal.tenancy.permissions import Role
from services.instances.models import Instance, InstanceEvent
from tests.makers import make_instance, make_member, make_project, make_region, signed_in
from tests.portal.api import Api, problem

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("prices", "fake", "plain_static")]

DAY_OF_PG = Decimal("0.12832") * 24  # single-2x8


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


def test_services_stand_by_their_names_and_what_is_of_none_by_its_kind(client, member):
    instance = Instance.objects.get()
    month = {"organisation": instance.project.organisation, "day": date(2026, 10, 2)}
    post(Posting(**month, category="credit", amount=Decimal(-1), reference="voucher:a:2026-10"))
    text = signed_in(client, member).get("/costs/?by=instance").content.decode()
    assert f">{instance.name}<" in text
    assert instance.public_id not in text
    assert "Of no single service" in text
    assert "Without this tag" in client.get("/costs/?by=tag:env").content.decode()
    assert "Local" in client.get("/costs/?by=region").content.decode()


def test_a_long_table_ends_and_its_total_does_not(client, member, monkeypatch):
    """Two services of which one is named in the chart and one stands in the table."""
    instance = Instance.objects.get()
    line = CostLine.objects.filter(instance=instance, day=date(2026, 10, 1)).first()
    line.pk, line.instance = None, make_instance(instance.project, instance.region)
    line.save()
    rollup = CostRollup.objects.get(day=line.day)
    rollup.billed_cost += line.billed_cost
    rollup.save()
    by_instance = InstanceRollup.objects.get(day=date(2026, 10, 1))
    by_instance.pk, by_instance.instance = None, line.instance
    by_instance.billed_cost = line.billed_cost
    by_instance.save()
    monkeypatch.setattr(building, "_MOST", 1)
    monkeypatch.setattr(building, "_SERIES", 1)
    text = signed_in(client, member).get("/costs/?by=instance").content.decode()
    assert "1 more is in the total." in text
    assert "Other" in text
    assert f'class="wrap">{instance.name}' in text
    assert f'class="wrap">{line.instance.name}' not in text
    assert text.count(money(DAY_OF_PG * Decimal("2.5") + line.billed_cost)) >= 2


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
    assert "120 h<" in text  # two vCPUs for sixty hours
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


# -- forecast, budget, VAT, saved views ------------------------------------------------------------


def test_the_page_shows_forecast_and_budget(client, member):
    organisation = Organisation.objects.get()
    create_budget(actor=SYSTEM, organisation=organisation, name="All", amount=Decimal(50))
    text = signed_in(client, member).get("/costs/").content.decode()
    assert "Expected for October" in text
    assert "Forecast, with its band" in text
    assert "Budget, a day" in text
    assert "Budget" in signed_in(client, member).get("/costs/?period=month").content.decode()


def test_a_month_that_is_over_has_no_forecast(client, member, monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 11, 3, 12, tzinfo=UTC))
    text = signed_in(client, member).get("/costs/?month=2026-10").content.decode()
    assert "Expected for" not in text
    assert "Forecast, with" not in text


def test_every_figure_says_whether_it_holds_vat(client, member):
    signed_in(client, member)
    assert "All figures: net, without VAT." in client.get("/costs/").content.decode()
    gross = client.get("/costs/?basis=gross").content.decode()
    percent = rate_for(Organisation.objects.get()).percent
    assert percent > 0
    assert money(DAY_OF_PG * Decimal("2.5") * (100 + percent) / 100) in gross
    assert "All figures: with VAT: VAT" in gross
    text = client.get("/costs/costs.csv?basis=gross").content.decode()
    rows = list(csv.DictReader(text.splitlines()))
    assert {row["basis"] for row in rows} == {"gross"}
    assert Decimal(rows[0]["billed_cost"]) == DAY_OF_PG * (100 + percent) / 100


def test_an_unusual_day_says_what_it_is_made_of_and_leads_to_the_acts_of_the_day(client, member):
    instance = Instance.objects.get()
    owner = make_member(instance.project, Role.OWNER)
    because = [{"by": "instance", "key": instance.public_id, "excess": "40.00"}]
    CostAnomaly.objects.create(
        organisation=Organisation.objects.get(),
        day=date(2026, 10, 2),
        amount=50,
        expected=10,
        because=because,
    )
    guarded = signed_in(client, member).get("/costs/").content.decode()
    assert "+€\u202f40.00" in guarded
    assert f"/services/{instance.public_id}/" not in guarded
    assert "/audit/" not in guarded
    text = signed_in(client, owner).get("/costs/").content.decode()
    assert f"/services/{instance.public_id}/" in text
    assert "/audit/?since=2026-10-02&amp;until=2026-10-02" in text
    assert 'class="flag"' in text
    assert "Unusual days" not in client.get("/costs/?month=2026-09").content.decode()


def test_a_new_price_is_marked(client, member):
    old = Price.objects.filter(valid_to=None, category="standard").first()
    old.pk, old.public_id = None, "pr-00000000"
    old.valid_from = datetime(2026, 10, 3, tzinfo=UTC)
    old.valid_to = None
    Price.objects.filter(price_class=old.price_class, meter=old.meter).update(
        valid_to=old.valid_from
    )
    old.save()
    queries.forget_prices()
    text = signed_in(client, member).get("/costs/").content.decode()
    assert f"New prices: {old.price_class}" in text


def test_a_view_of_the_costs_is_kept_shared_and_deleted(client, member):
    project = Project.objects.get()
    beside = make_member(project, Role.VIEWER)
    signed_in(client, member)
    saved = {"query": "by=project&basis=gross", "name": "Ours", "shared": "1"}
    client.post("/costs/views/", saved)
    client.post("/costs/views/", {"query": "by=region", "name": "Mine"})
    view = SavedView.objects.get(name="Ours")
    assert (view.room, view.is_shared, view.query) == ("costs", True, "by=project&basis=gross")
    here = client.get("/costs/?by=project&basis=gross").content.decode()
    assert "Delete view" in here
    assert "Mine" in here
    signed_in(client, beside)
    theirs = client.get("/costs/?by=project&basis=gross").content.decode()
    assert "Ours" in theirs
    assert "Mine" not in theirs
    assert "Delete view" not in theirs
    url = f"/costs/views/{view.public_id}/delete/"
    assert client.post(url).status_code == 404
    signed_in(client, member).post(url)
    assert list(SavedView.objects.values_list("name", flat=True)) == ["Mine"]
    assert "Mine" not in client.get("/services/").content.decode()


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        ({"name": "", "query": "by=region"}, "Give the view a name"),
        ({"name": "A", "query": "colour=red"}, "Choose filters first"),
    ],
)
def test_a_view_that_cannot_be_kept_says_why(client, member, sent, why):
    answer = signed_in(client, member).post("/costs/views/", sent, follow=True)
    assert not SavedView.objects.exists()
    assert why in answer.content.decode()


def test_the_overview_shows_the_month_so_far_its_forecast_and_the_budget(client, member):
    project = Project.objects.get()
    words = {"name": "Shop", "amount": Decimal(40), "project": project}
    create_budget(actor=SYSTEM, organisation=project.organisation, **words)
    text = signed_in(client, member).get("/").content.decode()
    assert "Costs of October so far" in text
    assert money(DAY_OF_PG * Decimal("2.5")) in text
    assert "% expected, net" in text
