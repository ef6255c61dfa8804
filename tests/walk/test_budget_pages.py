"""Budgets in the console and the API: made, read, tried, and what they say to orders."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from billing.budgets import actions
from billing.budgets.rules import Threshold
from billing.models import Budget, CostRollup, Order
from portal.kernel import clock
from portal.kernel.actor import SYSTEM
from portal.tenancy.permissions import Role
from services.instances.models import Instance
from tests.makers import make_instance, make_member, make_project, make_region, signed_in
from tests.portal.api import Api, problem

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("prices", "fake", "plain_static")]
FORM = {
    "name": "Shop",
    "place": "organisation",
    "amount": "200",
    "pauses": "env=dev",
    "kind": ["actual", "actual"],
    "percent": ["100", ""],
    "action": ["block", "notify"],
}


@pytest.fixture(autouse=True)
def now(monkeypatch):
    """Ten whole days of October are over, each at 20."""
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 10, 11, 12, tzinfo=UTC))


@pytest.fixture
def project():
    project = make_project(slug="shop")
    for n in range(40):
        CostRollup.objects.create(
            organisation=project.organisation,
            project=project,
            offering="postgresql",
            day=date(2026, 9, 1) + timedelta(days=n),
            category="usage",
            **dict.fromkeys(
                ("list_cost", "contracted_cost", "effective_cost", "billed_cost"), Decimal(20)
            ),
        )
    return project


@pytest.fixture
def owner(project):
    return make_member(project, Role.OWNER)


@pytest.fixture
def operator(project):
    return make_member(project, Role.OPERATOR)


def make_budget(project, amount="200", action="block", **fields):
    return actions.create_budget(
        actor=SYSTEM,
        organisation=project.organisation,
        name="All",
        amount=Decimal(amount),
        thresholds=[Threshold("actual", 80, action)],
        **fields,
    )


# -- pages -----------------------------------------------------------------------------------------


def test_a_budget_is_made_changed_and_deleted(client, project, owner):
    signed_in(client, owner)
    made = client.post("/costs/budgets/new/", FORM)
    budget = Budget.objects.get()
    assert made.headers["Location"] == f"/costs/budgets/{budget.public_id}/"
    assert budget.thresholds == [{"kind": "actual", "percent": 100, "action": "block"}]
    page = client.get(made.headers["Location"]).content.decode()
    assert "200.00" in page  # ten days at 20
    client.post(made.headers["Location"], FORM | {"amount": "1000,50"})
    budget.refresh_from_db()
    assert budget.amount == Decimal("1000.50")
    assert "Shop" in client.get("/costs/budgets/").content.decode()
    client.post(f"{made.headers['Location']}delete/")
    assert not Budget.objects.exists()


def test_half_as_much_again_as_is_expected_is_proposed(client, project, owner):
    page = signed_in(client, owner).get("/costs/budgets/new/").content.decode()
    assert 'name="amount" inputmode="decimal" value="930"' in page  # 620 are expected


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"amount": "much"}, "amount"),
        ({"amount": "-1"}, "amount"),
        ({"name": ""}, "name"),
        ({"percent": ["ten", ""]}, "thresholds"),
        ({"pauses": "dev"}, "pauses"),
        ({"place": "tag", "tag": "team"}, "tag"),
        ({"place": "moon"}, "place"),
    ],
)
def test_what_is_wrong_stands_at_its_field(client, project, owner, changed, field):
    answer = signed_in(client, owner).post("/costs/budgets/new/", FORM | changed)
    assert answer.status_code == 422
    assert f'id="{field}-e"' in answer.content.decode()
    assert not Budget.objects.exists()


def test_the_webhooks_that_hear_of_it_are_chosen_at_the_form(client, project, owner):
    client = signed_in(client, owner)
    assert "Of the project Shop" in client.get("/costs/budgets/new/").content.decode()
    client.post("/costs/budgets/new/", FORM | {"webhooks_of": "shop"})
    budget = Budget.objects.get()
    assert budget.webhooks_of == project
    url = f"/costs/budgets/{budget.public_id}/"
    assert '<option value="shop" selected>' in client.get(url).content.decode()
    refused = client.post(url, FORM | {"webhooks_of": "nothing"})
    assert refused.status_code == 422
    assert "There is no project" in refused.content.decode()


def test_a_budget_for_a_project_and_one_for_a_tag(client, project, owner):
    signed_in(client, owner)
    client.post("/costs/budgets/new/", FORM | {"place": "project:shop"})
    client.post("/costs/budgets/new/", FORM | {"name": "T", "place": "tag", "tag": "team=a"})
    scopes = {b.name: (b.scope, b.tag_key, b.tag_value) for b in Budget.objects.all()}
    assert scopes == {"Shop": ("project", "", ""), "T": ("tag", "team", "a")}


def test_the_dry_run_names_what_would_be_paused(client, project, owner):
    make_instance(project, make_region(), name="for-tests", tags={"env": "dev"})
    budget = make_budget(project, "100", "pause")
    url = f"/costs/budgets/{budget.public_id}/dry-run/"
    text = signed_in(client, owner).get(url).content.decode()
    assert "for-tests" in text
    assert owner.email in text
    assert "would act" in text
    assert not budget.alerts.exists()


def test_whoever_may_not_manage_sees_and_does_not_change(client, project, operator):
    budget = make_budget(project)
    signed_in(client, operator)
    assert "All" in client.get("/costs/budgets/").content.decode()
    url = f"/costs/budgets/{budget.public_id}/"
    assert "disabled" in client.get(url).content.decode()
    assert client.post(url, FORM).status_code == 403
    assert client.get("/costs/budgets/new/").status_code == 403


# -- orders ----------------------------------------------------------------------------------------


ORDER = {"name": "orders-db", "region": "local", "plan": "dev-1x1", "sent": "1"}


def test_the_price_panel_says_how_much_a_budget_comes_to(client, project, owner):
    make_region()
    make_budget(project, "1000")
    text = signed_in(client, owner).get("/catalogue/postgresql/price/").content.decode()
    after = 620 + Decimal("0.03548") * 492  # hours from noon of the eleventh
    assert f"Budget “All” after: {round(after / 10)} %" in text


def test_a_budget_that_refuses_says_so_before_and_after_the_click(client, project, owner):
    make_region()
    make_budget(project)
    signed_in(client, owner)
    before = client.get("/catalogue/postgresql/order/").content.decode()
    assert "A budget refuses this." in before
    button = '<button type="submit" class="btn primary wide" disabled aria-describedby="refused">'
    assert button in before
    assert 'id="refused"' in client.get("/catalogue/postgresql/price/").content.decode()
    answer = client.post("/catalogue/postgresql/order/", ORDER)
    assert answer.status_code == 422
    assert "It refuses what costs more." in answer.content.decode()
    assert not Instance.objects.exists()


def test_an_order_that_needs_approval_waits_and_is_approved(client, project, owner, operator):
    make_region()
    make_budget(project, action="approve")
    signed_in(client, operator)
    assert "This needs approval." in client.get("/catalogue/postgresql/order/").content.decode()
    answer = client.post("/catalogue/postgresql/order/", ORDER)
    assert answer.headers["Location"] == "/costs/budgets/"
    order = Order.objects.get()
    listed = client.get("/costs/budgets/").content.decode()
    assert "orders-db" in listed
    assert "Approve</button>" not in listed
    url = f"/costs/budgets/orders/{order.public_id}/"
    assert client.post(url, {"to": "approve"}).status_code == 403
    signed_in(client, owner)
    assert "Approve</button>" in client.get("/costs/budgets/").content.decode()
    went = client.post(url, {"to": "approve"})
    assert went.headers["Location"] == f"/services/{Instance.objects.get().public_id}/"
    again = client.post(url, {"to": "refuse"}, follow=True)
    assert "decided already" in again.content.decode()


# -- API -------------------------------------------------------------------------------------------


def test_a_budget_by_the_api(project, owner):
    api = Api(owner)
    for amount in ("much", "NaN", "Infinity"):
        told = problem(api.post("/api/v1/budgets", {"name": "A", "amount": amount}), 422, "invalid")
        assert [fault["pointer"] for fault in told["errors"]] == ["/amount"]
    made = api.post("/api/v1/budgets", {"name": "All", "amount": "400"})
    assert made.status_code == 201
    found = made.json()
    assert found["actual"] == {"amount": "200", "currency": "EUR"}
    assert found["expected"] == {"amount": "620", "currency": "EUR"}
    assert [one["percent"] for one in found["thresholds"]] == [50, 80, 100, 100]
    url = f"/api/v1/budgets/{found['id']}"
    steps = [{"kind": "actual", "percent": 40, "action": "block"}]
    changed = api.patch(url, {"thresholds": steps, "pauses": {"key": "tier", "value": "test"}})
    assert changed.json()["thresholds"] == steps
    dry = api.post(f"{url}/dry-run").json()
    assert dry["orders"] == "refused"
    assert dry["mails"] == [owner.email]
    assert api.get("/api/v1/budgets").json()["results"][0]["id"] == found["id"]
    assert api.delete(url).status_code == 204
    problem(api.get(url), 404, "not-found")


def test_a_fault_points_at_its_field(project, owner):
    answer = Api(owner).post("/api/v1/budgets", {"name": "A", "amount": "1.001"})
    told = problem(answer, 422, "invalid")
    assert [one["pointer"] for one in told["errors"]] == ["/amount"]


def test_an_order_by_the_api_waits_for_approval_once(project, owner, operator):
    make_region()
    make_budget(project, action="approve")
    body = {"offering": "postgresql", "plan": "dev-1x1", "name": "orders-db"}
    api, url = Api(operator), "/api/v1/projects/shop/instances"
    dry = api.post(f"{url}?dry_run=true", body).json()
    assert [one["orders"] for one in dry["budgets"]] == ["approval"]
    first = api.post(url, body, **{"Idempotency-Key": "k1"})
    again = api.post(url, body, **{"Idempotency-Key": "k1"})
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json() == again.json()
    order = first.json()
    assert order["state"] == "awaiting_approval"
    problem(api.post(f"/api/v1/orders/{order['id']}/approve"), 403, "not-permitted")
    boss = Api(owner)
    assert [one["id"] for one in boss.get("/api/v1/orders").json()["results"]] == [order["id"]]
    operation = boss.post(f"/api/v1/orders/{order['id']}/approve")
    assert operation.status_code == 202
    placed = api.get(first.headers["Location"]).json()
    assert (placed["state"], placed["operation"]) == ("placed", operation.json()["id"])
    refused = boss.post(f"/api/v1/orders/{order['id']}/refuse", {"reason": "no"})
    problem(refused, 409, "decided-already")


def test_a_refusal_by_the_api_has_its_code(project, owner):
    make_region()
    make_budget(project)
    body = {"offering": "postgresql", "plan": "dev-1x1", "name": "orders-db"}
    answer = Api(owner).post("/api/v1/projects/shop/instances", body)
    problem(answer, 422, "budget-exceeded")


def test_the_forecast_of_a_month(project, owner):
    api = Api(owner)
    found = api.get("/api/v1/costs/forecast").json()
    assert (found["actual"], found["expected"], found["method"]) == ("200", "620", "holt")
    assert Decimal(found["low"]) < 620 < Decimal(found["high"])
    over = api.get("/api/v1/costs/forecast?month=2026-09").json()
    assert (over["actual"], over["expected"], over["days_left"]) == ("600", "600", 0)


@pytest.mark.parametrize("month", ["2026-11", "nonsense", "2026-13"])
def test_a_month_that_cannot_be_is_told(project, owner, month):
    answer = Api(owner).get(f"/api/v1/costs/forecast?month={month}")
    assert problem(answer, 400, "invalid-query")["errors"][0]["pointer"] == "?month"
