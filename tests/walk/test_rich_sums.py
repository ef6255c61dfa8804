"""One sum everywhere: what a month of the rich world cost is the same to the cent wherever it can
be read, and every part of it adds up to the whole.
"""

from __future__ import annotations

import csv
import html
import io
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from billing.budgets import queries as budgets
from billing.costs import sums
from billing.einvoice import rules
from billing.einvoice.judging import worker
from billing.formats import exact_money, money
from billing.invoices import drilldown
from billing.invoices import queries as invoice_reads
from billing.models import InstanceRollup, Invoice
from billing.month_end import revenue
from portal.console import costs as explorer
from portal.kernel.actor import SYSTEM
from portal.tenancy.permissions import Role
from services.backends.fake import FakeBackend
from tests.makers import actor_for, make_token, signed_in
from tests.portal.api import Api
from tests.rich.story import told
from tests.rich.world import AUGUST, NOVEMBER, OCTOBER, SEPTEMBER, Rich
from tests.walk.furnish import on_the_fake

pytestmark = pytest.mark.django_db
_MAIN_LINK = re.compile(r'href="(/(?!static/)[^"#]+)')
CLOSED, ALL = (AUGUST, SEPTEMBER, OCTOBER), (AUGUST, SEPTEMBER, OCTOBER, NOVEMBER)
GROUPINGS = ("offering", "family", "project", "instance", "region", "tag:team", "tag:env")


@pytest.fixture(scope="module")
def rich(django_db_setup: None, django_db_blocker: Any) -> Iterator[Rich]:
    if not rules.is_installed():
        pytest.skip("NO RULES: run make einvoice-rules")
    fake = FakeBackend()
    with django_db_blocker.unblock(), transaction.atomic(), on_the_fake(fake):
        with told(fake) as rich:
            yield rich
        transaction.set_rollback(True)
    worker(rules.folder()).close()


@pytest.fixture
def client(rich: Rich) -> Client:
    """The owner's."""
    return signed_in(Client(), rich.people[Role.OWNER])


@pytest.fixture
def api(rich: Rich) -> Api:
    return Api(token=make_token(rich.people[Role.OWNER]))


def total(rich: Rich, month: Any, **asked: str) -> Decimal:
    """What the explorer says."""
    actor = actor_for(rich.people[Role.OWNER])
    said = {"month": f"{month:%Y-%m}", **asked}
    found = explorer.explorer(actor, rich.organisation, said)["total"]
    assert isinstance(found, Decimal)
    return found


def rows_of(answer: Any) -> list[dict[str, str]]:
    assert answer.status_code == 200, answer
    return list(csv.DictReader(io.StringIO(answer.getvalue().decode(), newline="")))


def summed(rows: list[dict[str, str]], column: str) -> Decimal:
    return sum((Decimal(row[column]) for row in rows), Decimal(0))


@pytest.mark.parametrize("by", GROUPINGS)
@pytest.mark.parametrize("month", ALL, ids=str)
def test_each_split_comes_to_the_same(rich, client, api, month, by):
    asked = {"month": f"{month:%Y-%m}", "by": by}
    whole = total(rich, month)
    assert whole > 0
    context = client.get("/costs/", asked).context
    assert context["total"] == whole == sum(line.amount for line in context["lines"])
    assert summed(rows_of(client.get("/costs/costs.csv", asked)), "billed_cost") == whole
    end = month.replace(month=month.month + 1)
    span = f"from={month}T00:00:00Z&to={end}T00:00:00Z"
    said = api.get(f"costs?{span}&group_by={by}").json()
    assert Decimal(said["total"]) == whole
    assert sum(Decimal(row["billed_cost"]) for row in said["rows"]) == whole


@pytest.mark.parametrize("month", ALL, ids=str)
def test_projects_services_and_what_is_of_none_add_up(rich, client, month):
    asked = f"{month:%Y-%m}"
    projects = [total(rich, month, project=p.slug) for p in (rich.shop, rich.data)]
    lines = client.get("/costs/", {"month": asked, "by": "project"}).context["lines"]
    of_none = sum(line.amount for line in lines if line.name == "Of no project")
    assert sum(projects) + of_none == total(rich, month)
    by_name = {
        line.name: line.amount
        for line in client.get("/costs/", {"month": asked, "by": "instance"}).context["lines"]
    }
    for name, instance in rich.services.items():
        if instance.project.organisation_id == rich.organisation.pk:
            page = client.get(f"/services/{instance.public_id}/costs/", {"month": asked})
            assert page.context["total"] == by_name.get(name, 0), name


@pytest.mark.parametrize("month", ALL, ids=str)
def test_with_vat_is_the_net_and_its_vat(rich, client, month):
    asked = {"month": f"{month:%Y-%m}", "basis": "gross"}
    gross = total(rich, month) * Decimal("1.19")
    assert client.get("/costs/", asked).context["total"] == gross
    assert summed(rows_of(client.get("/costs/costs.csv", asked)), "billed_cost") == gross


@pytest.mark.parametrize("version", ["1.2", "1.4"])
@pytest.mark.parametrize("month", ALL, ids=str)
def test_the_focus_file_says_the_same(rich, client, month, version):
    asked = {"month": f"{month:%Y-%m}", "version": version, "format": "csv"}
    rows = rows_of(client.get("/costs/exports/file/", asked))
    taxes = [row for row in rows if row["ChargeCategory"] == "Tax"]
    net = [row for row in rows if row["ChargeCategory"] != "Tax"]
    assert summed(net, "BilledCost") == total(rich, month)
    for one in Invoice.objects.filter(organisation=rich.organisation, month=month, status="issued"):
        sign = -1 if one.kind == "381" else 1
        of_it = [row for row in net if row["InvoiceId"] == one.number]
        vat = [row for row in taxes if row["InvoiceId"] == one.number]
        assert summed(of_it, "BilledCost") == sign * one.net
        assert summed(vat, "BilledCost") == sign * one.vat


@pytest.mark.parametrize("month", CLOSED, ids=str)
def test_a_closed_month_is_its_invoices(rich, client, api, month):
    documents = Invoice.objects.filter(organisation=rich.organisation, month=month, status="issued")
    signed = {one: -one.net if one.kind == "381" else one.net for one in documents}
    assert sum(signed.values()) == total(rich, month)
    for one in documents:
        said = api.get(f"invoices/{one.number}").json()
        for name in ("net", "vat", "gross"):
            assert Decimal(said[name]) == getattr(one, name)
        for page in (f"/costs/invoices/{one.number}/", f"/costs/invoices/{one.number}/html/"):
            assert money(one.gross) in client.get(page).getvalue().decode()
        file = rows_of(client.get(f"/costs/invoices/{one.number}/csv/"))
        assert summed(file, "billed_cost") == signed[one]


@pytest.mark.parametrize("month", CLOSED, ids=str)
def test_behind_each_line_are_tiers_days_and_services_of_the_same_sum(rich, month):
    invoice = Invoice.objects.get(organisation=rich.organisation, month=month, kind="380")
    document = invoice_reads.document_of(invoice)
    opened = 0
    for number, line in enumerate(document.lines, 1):
        if not drilldown.is_drillable(invoice, line):
            continue
        opened += 1
        found = drilldown.line_of(invoice, number)
        here = sum(row.cost for row in drilldown.tiers_of(found) if row.is_here)
        days = drilldown.days_of(found)
        assert sum(row.cost for row in days) == here, line.name
        assert abs(line.net - here) <= Decimal("0.005"), line.name
        last = days[-1]
        parts = drilldown.services_of(found, last.day)
        assert sum(row.cost for row in parts) == last.cost
        seen = drilldown.evidence_of(found, last.day, parts[0].public_id)
        assert seen.part.cost == parts[0].cost
    assert opened > 5


def test_every_sum_that_is_kept_is_that_of_its_lines(rich):
    assert InstanceRollup.objects.filter(is_correction=True).exists()
    assert sums.unequal(AUGUST) == []


def test_the_running_month_is_the_same_on_overview_budget_forecast_and_sale(rich, client, api):
    whole = total(rich, NOVEMBER)
    (budget,) = [
        one
        for one in budgets.standings_of(list(budgets.budgets_for(SYSTEM, rich.organisation)))
        if one.budget.name == "Everything"
    ]
    assert budget.actual == whole
    assert Decimal(api.get("costs/forecast").json()["actual"]) == whole
    for project in (rich.shop, rich.data):
        client.post("/scope/", {"project": project.slug})
        said = total(rich, NOVEMBER, project=project.slug)
        page = client.get("/")
        assert page.context["project"] == project
        assert money(said) in page.content.decode()
    rows = revenue.earned(SYSTEM, NOVEMBER, "organisation")
    assert {row.group: row.amount for row in rows}[rich.organisation.slug] == whole


@pytest.mark.parametrize("month", ALL, ids=str)
def test_what_the_provider_earned_is_what_all_customers_were_charged(rich, client, month):
    by_offering, by_customer, by_region = (
        sum(row.amount for row in revenue.earned(SYSTEM, month, by)) for by in revenue.GROUPS
    )
    assert by_offering == by_customer == by_region
    staff = signed_in(Client(), rich.people["staff"])
    asked = {"month": f"{month:%Y-%m}", "version": "1.4", "format": "csv"}
    rows = rows_of(staff.get("/staff/exports/file/", asked))
    net = [row for row in rows if row["ChargeCategory"] != "Tax"]
    assert summed(net, "BilledCost") == by_customer
    page = staff.get("/staff/revenue/", {"month": f"{month:%Y-%m}"}).content.decode()
    assert money(by_customer) in page


def test_the_credit_of_a_miss_is_the_same_on_its_report_its_invoice_and_in_the_costs(rich, client):
    report = client.get("/sla/", {"month": "2026-10"})
    invoice = Invoice.objects.get(organisation=rich.organisation, month=OCTOBER, kind="380")
    document = invoice_reads.document_of(invoice)
    (allowance,) = document.allowances
    assert report.context["credit"] == allowance.amount > 0
    file = rows_of(client.get(f"/costs/invoices/{invoice.number}/csv/"))
    credits_ = [row for row in file if row["reference"].startswith("sla:")]
    assert summed(credits_, "billed_cost") == -allowance.amount


def test_what_is_left_to_pay_is_the_same_for_customer_and_provider(rich, client, api):
    staff = signed_in(Client(), rich.people["staff"])
    for one in Invoice.objects.filter(organisation=rich.organisation, kind="380", status="issued"):
        left = client.get(f"/costs/invoices/{one.number}/").context["owed"].left
        said = staff.get(f"/staff/payments/invoices/{one.number}/")
        assert said.context["owed"].left == left
        assert Decimal(api.get(f"invoices/{one.number}").json()["left"]) == left


def test_a_voucher_is_taken_once(rich, client):
    (row,) = client.get("/costs/credits/").context["rows"]
    assert row.taken == [("August 2026", Decimal("100.00"))]
    invoice = Invoice.objects.get(organisation=rich.organisation, month=AUGUST, kind="380")
    assert [a.amount for a in invoice_reads.document_of(invoice).allowances] == [Decimal(100)]
    assert exact_money(row.balance.left) in client.get("/costs/credits/").content.decode()


PAGES = (
    *("/", "/costs/?by=instance", "/costs/budgets/", "/costs/commitments/", "/costs/advice/"),
    *("/costs/credits/", "/costs/exports/", "/costs/invoices/", "/sla/?month=2026-10", "/prices/"),
)
STAFF_PAGES = (
    *("/staff/invoice-runs/", "/staff/payments/", "/staff/payments/reminders/", "/staff/revenue/"),
    *("/staff/vouchers/", "/staff/exports/", "/staff/usage/", "/staff/prices/"),
)


@pytest.mark.parametrize("who", [Role.OWNER, Role.BILLING, Role.VIEWER, "staff"])
def test_no_page_of_money_leads_where_its_reader_may_not_go(rich, who):
    client = signed_in(Client(), rich.people[who])
    shown = [client.get(page) for page in (STAFF_PAGES if who == "staff" else PAGES)]
    links = {
        html.unescape(link)
        for page in shown
        if page.status_code == 200
        for link in _MAIN_LINK.findall(page.content.decode().partition("<main")[2])
    }
    assert len(links) > 10
    assert {link: answer for link in links if (answer := client.get(link).status_code) >= 400} == {}
