"""Budgets are made, changed and seen; who hears of them; days that stand out."""

import json
from datetime import date
from decimal import Decimal

import pytest

from billing.budgets import actions, evaluation, queries, rules
from billing.budgets.rehearsal import rehearse
from billing.budgets.rules import Threshold
from billing.models import Budget, CostAnomaly
from portal.audit.models import AuditEvent
from portal.kernel.errors import Invalid, NotFound, NotPermitted
from portal.notifications import fanout
from portal.notifications.delivering import body_of
from portal.notifications.models import Delivery, Notification
from portal.notifications.queries import words_of
from portal.tenancy.models import Organisation, Project
from portal.tenancy.permissions import Role
from tests.billing.budgets.spending import NOW, make_budget, spend, told
from tests.makers import actor_for, make_member, make_project, make_webhook

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("prices", "fake")]


# -- made, changed, seen ---------------------------------------------------------------------------


def test_a_budget_is_made_changed_and_deleted_and_audited(project, owner):
    budget = actions.create_budget(
        actor=owner, organisation=project.organisation, name=" Shop ", amount=Decimal("99.50")
    )
    assert rules.read(budget.thresholds) == sorted(rules.DEFAULTS)
    actions.update_budget(actor=owner, budget=budget, name="Shop 2")
    actions.delete_budget(actor=owner, budget=budget)
    rows = AuditEvent.objects.filter(target_kind="budget").order_by("sequence")
    assert [row.verb for row in rows] == ["budget.create", "budget.update", "budget.delete"]
    assert rows[1].before["name"] == "Shop"
    assert not Budget.objects.exists()


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("amount", {"amount": Decimal(0)}),
        ("amount", {"amount": Decimal("1.005")}),
        ("amount", {"amount": Decimal("1e30")}),
        ("amount", {"amount": Decimal("NaN")}),
        ("name", {"name": "  "}),
        ("name", {"name": "x" * 61}),
        ("thresholds", {"thresholds": []}),
        ("thresholds", {"thresholds": [Threshold("actual", 0, "notify")]}),
        ("thresholds", {"thresholds": [Threshold("actual", 5, "explode")]}),
        (
            "thresholds",
            {"thresholds": [Threshold("actual", 5, "notify"), Threshold("actual", 5, "block")]},
        ),
        ("tag", {"tag": ("Not a key", "x")}),
        ("pauses", {"pauses": ("", "x")}),
    ],
)
def test_a_budget_that_cannot_be_is_told(project, owner, field, fields):
    wanted = {"name": "A", "amount": Decimal(1), **fields}
    with pytest.raises(Invalid) as why:
        actions.create_budget(actor=owner, organisation=project.organisation, **wanted)
    assert list(why.value.fields) == [field]


def test_a_name_stands_for_one_budget(project, owner):
    make_budget(project, 10)
    with pytest.raises(Invalid) as why:
        make_budget(project, 20)
    assert "name" in why.value.fields


def test_who_may_manage_and_who_may_see(project, operator):
    beside = make_project(project.organisation)
    whole = make_budget(project, 10)
    mine = make_budget(project, 10, name="Mine", project=project)
    guest = actor_for(make_member(project, Role.OWNER, only_project=True))
    with pytest.raises(NotPermitted):
        actions.update_budget(actor=operator, budget=whole, amount=Decimal(2))
    with pytest.raises(NotPermitted):
        actions.create_budget(
            actor=guest, organisation=project.organisation, name="B", amount=Decimal(1)
        )
    with pytest.raises(NotFound):
        actions.create_budget(
            actor=guest,
            organisation=project.organisation,
            name="B",
            amount=Decimal(1),
            project=beside,
        )
    actions.update_budget(actor=guest, budget=mine, amount=Decimal(20))
    assert list(queries.budgets_for(guest)) == [mine]
    assert list(queries.budgets_for(operator)) == [mine, whole]
    stranger = actor_for(make_member(make_project(), Role.OWNER))
    with pytest.raises(NotFound):
        queries.budget_for(stranger, mine.public_id)


def test_what_is_archived_has_no_budget(project):
    make_budget(project, 10)
    make_budget(project, 10, name="Mine", project=project)
    Project.objects.update(archived_at=NOW)
    assert queries.in_use().count() == 1
    Organisation.objects.update(archived_at=NOW)
    assert queries.in_use().count() == 0


# -- webhooks --------------------------------------------------------------------------------------


@pytest.mark.parametrize("tag", [None, ("env", "dev")])
def test_webhooks_of_the_project_that_it_names_hear_of_a_budget(project, tag):
    beside = make_project(project.organisation)
    hook = make_webhook(project, kinds=["budget.actual"])
    make_webhook(project, "https://other.test/")
    make_webhook(beside, kinds=["budget.actual"])
    spend(project, Decimal(10), tags={"env": "dev"})
    budget = make_budget(project, 400, ("actual", 50, "notify"), tag=tag, webhooks_of=project.slug)
    assert rehearse(budget).hooks == ["hooks.test"]
    assert [evaluation.evaluate(), evaluation.evaluate()] == [1, 0]
    (entry,) = told("budget.actual")
    fanout.fan_out(entry.pk)
    fanout.fan_out(entry.pk)
    assert Delivery.objects.get().webhook == hook
    sent = json.loads(body_of(entry))
    assert (sent["project"], sent["data"]["budget"]) == (None, budget.public_id)


def test_no_webhook_hears_of_a_budget_that_names_none(project):
    make_webhook(project, kinds=["budget.actual"])
    spend(project, Decimal(10))
    assert rehearse(make_budget(project, 400, ("actual", 50, "notify"))).hooks == []
    evaluation.evaluate()
    fanout.fan_out(told("budget.actual")[0].pk)
    assert not Delivery.objects.exists()


def test_only_webhooks_of_the_same_organisation_and_once(project, owner):
    for wanted in (
        {"webhooks_of": make_project().slug},
        {"webhooks_of": project.slug, "project": project},
    ):
        with pytest.raises(Invalid) as raised:
            make_budget(project, 400, **wanted)
        assert set(raised.value.fields) == {"webhooks_of"}
    budget = make_budget(project, 400, webhooks_of=project.slug)
    actions.update_budget(actor=owner, budget=budget, amount=Decimal(500))
    budget.refresh_from_db()
    assert budget.webhooks_of == project
    actions.update_budget(actor=owner, budget=budget, webhooks_of="")
    budget.refresh_from_db()
    assert budget.webhooks_of is None
    assert AuditEvent.objects.filter(verb="budget.update").last().before["webhooks_of"]


# -- days that stand out ---------------------------------------------------------------------------


def test_a_day_that_stands_out_is_told_once_with_what_it_is_made_of(project, owner):
    beside = make_project(project.organisation)
    spend(project, Decimal(50))
    spend(beside, Decimal(30))
    spend(beside, Decimal(100), first=date(2026, 10, 20), end=date(2026, 10, 21))
    assert evaluation.evaluate() == 1
    assert evaluation.evaluate() == 0
    found = CostAnomaly.objects.get()
    assert (found.day, found.amount, found.expected) == (date(2026, 10, 20), 180, 80)
    by_project = [part for part in found.because if part["by"] == "project"]
    assert by_project == [{"by": "project", "key": beside.slug, "excess": "100.00"}]
    entry = told("cost.anomaly")[0]
    assert "20 October 2026" in words_of(entry).title
    fanout.fan_out(entry.pk)
    assert Notification.objects.get().user_id == owner.user_id


def test_today_is_told_before_it_is_over_once_it_stands_out(project):
    spend(project, Decimal(50))
    spend(project, Decimal(140), first=date(2026, 10, 21), end=date(2026, 10, 22))
    assert evaluation.evaluate() == 1
    assert CostAnomaly.objects.get().day == NOW.date()
