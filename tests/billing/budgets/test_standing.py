"""Where a budget stands, and that it is told once."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from threading import Barrier, Thread
from unittest.mock import patch

import pytest
from django.db import connections

from billing.budgets import actions, evaluation, queries
from billing.models import (
    Budget,
    BudgetAlert,
    Commitment,
    CostAnomaly,
    CostLine,
    CostRollup,
    TagSet,
)
from billing.outlook.queries import outlook_for
from portal.kernel import clock
from portal.kernel.actor import SYSTEM
from portal.notifications import fanout
from portal.notifications.models import Delivery, Mailing, Notification
from portal.notifications.queries import words_of
from portal.outbox.models import OutboxEntry
from portal.tenancy.permissions import Role
from tests.billing.budgets.spending import NOW, make_budget, spend, told
from tests.makers import actor_for, make_member, make_project, make_webhook

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("prices", "fake")]
MONTH = date(2026, 10, 1)


def standing_of(budget):
    return queries.standings_of([budget])[0]


# -- where a budget stands -------------------------------------------------------------------------


def test_a_budget_stands_at_what_was_spent_and_what_is_expected(project):
    spend(project, Decimal(10))
    found = standing_of(make_budget(project, 250))
    assert (found.actual, found.percent, found.left) == (200, 80, 50)
    assert found.expected == 310
    assert [(one.kind, one.percent) for one in found.reached()] == [
        ("actual", 50),
        ("actual", 80),
        ("forecast", 100),
    ]


def test_a_purchase_counts_and_is_not_carried_on(project):
    spend(project, Decimal(10))
    CostRollup.objects.create(
        organisation=project.organisation,
        day=date(2026, 10, 2),
        category="purchase",
        **dict.fromkeys(
            ("list_cost", "contracted_cost", "effective_cost", "billed_cost"), Decimal(90)
        ),
    )
    found = standing_of(make_budget(project, 1000))
    assert (found.actual, found.expected) == (290, 400)


def test_what_falls_due_of_what_is_reserved_is_expected_of_the_organisation(project):
    """1,200.00 for a year, paid in twelve parts on the 25th."""
    spend(project, Decimal(10), tags={"env": "dev"})
    Commitment.objects.create(
        public_id="cm-1",
        organisation=project.organisation,
        price_class="database.postgresql",
        term="1y",
        start=date(2026, 8, 25),
        end=date(2027, 8, 25),
        total=Decimal(1200),
    )
    found = standing_of(make_budget(project, 1000))
    assert (found.actual, found.expected) == (200, 410)
    assert outlook_for(SYSTEM, project.organisation).forecast.expected == 410
    member = actor_for(make_member(project, Role.VIEWER, only_project=True))
    assert outlook_for(member, project.organisation).forecast.expected == 310
    scoped = [{"name": "P", "project": project}, {"name": "T", "tag": ("env", "dev")}]
    for fields in scoped:
        assert standing_of(make_budget(project, 1000, **fields)).expected == 310


def correct(project, amount, day=MONTH):
    """Usage of September that became known late, billed with the first of October."""
    costs = dict.fromkeys(
        ("list_cost", "contracted_cost", "effective_cost", "billed_cost"), Decimal(amount)
    )
    common = {"organisation": project.organisation, "project": project, "offering": "postgresql"}
    CostLine.objects.create(
        **common,
        **costs,
        day=day,
        corrects_day=date(2026, 9, 7),
        category="usage",
        is_correction=True,
        quantity=1,
        list_unit_price=1,
        contracted_unit_price=1,
    )
    CostRollup.objects.create(**common, **costs, day=day, category="usage")


@pytest.mark.parametrize("amount", [90, -90])
def test_a_correction_counts_as_what_it_is_and_is_not_carried_on(project, amount):
    """Neither for the organisation nor for a project or a tag; whatever day it is booked on."""
    spend(project, Decimal(10), tags={"env": "dev"})
    correct(project, amount)
    correct(project, amount, day=NOW.date())
    for budget in (
        make_budget(project, 1000),
        make_budget(project, 1000, name="P", project=project),
    ):
        found = standing_of(budget)
        assert (found.actual, found.expected) == (200 + 2 * amount, 310 + 2 * amount)
    tagged = standing_of(make_budget(project, 1000, name="T", tag=("env", "dev")))
    assert (tagged.actual, tagged.expected) == (200, 310)
    outlook = outlook_for(SYSTEM, project.organisation)
    assert (outlook.forecast.expected, outlook.rate) == (310 + 2 * amount, 10)


def test_a_correction_makes_no_day_unusual_and_explains_none(project):
    spend(project, Decimal(50))
    correct(project, 500)
    correct(project, 500, day=date(2026, 10, 20))
    assert evaluation.evaluate() == 0
    assert not CostAnomaly.objects.exists()
    beside = make_project(project.organisation)
    spend(beside, Decimal(100), first=date(2026, 10, 20), end=date(2026, 10, 21))
    assert evaluation.evaluate() == 1
    found = CostAnomaly.objects.get()
    assert (found.day, found.amount, found.expected) == (date(2026, 10, 20), 150, 50)
    by_project = [part for part in found.because if part["by"] == "project"]
    assert by_project == [{"by": "project", "key": beside.slug, "excess": "100.00"}]


def test_a_budget_counts_its_scope_only(project):
    beside = make_project(project.organisation)
    elsewhere = make_project()
    spend(project, Decimal(1))
    spend(beside, Decimal(2), tags={"team": "a", "env": "dev"})
    spend(elsewhere, Decimal(100))
    budgets = [
        make_budget(project, 100),
        make_budget(project, 100, name="One", project=project),
        make_budget(project, 100, name="Team", tag=("team", "a")),
        make_budget(project, 100, name="Nobody", tag=("team", "b")),
    ]
    assert [one.actual for one in queries.standings_of(budgets)] == [60, 20, 40, 0]
    assert TagSet.objects.count() == 1


# -- told once -------------------------------------------------------------------------------------


def test_each_threshold_is_told_once_a_month(project, now, monkeypatch):
    spend(project, Decimal(10))
    make_budget(project, 250)
    assert evaluation.evaluate() == 3
    assert evaluation.evaluate() == 0
    assert [entry.params["percent"] for entry in told("budget.actual")] == [50, 80]
    spend(project, Decimal(10), first=date(2026, 10, 21), end=date(2026, 11, 20))
    monkeypatch.setattr(clock, "now", lambda: now + timedelta(days=30))
    assert evaluation.evaluate() == 2
    assert BudgetAlert.objects.filter(month=date(2026, 11, 1)).count() == 2


def test_a_round_that_is_killed_has_told_nothing_and_the_next_tells_all(project):
    spend(project, Decimal(10))
    make_budget(project, 250)
    with patch("billing.budgets.evaluation._notify", side_effect=MemoryError):
        evaluation.evaluate()
    assert not BudgetAlert.objects.exists()
    assert evaluation.evaluate() == 3
    assert OutboxEntry.objects.count() == 3


def test_a_fault_in_one_organisation_does_not_hold_up_the_others(project):
    beside = make_project()
    for one in (project, beside):
        spend(one, Decimal(10))
        make_budget(one, 250)
    real = evaluation.standings
    faulty = project.organisation_id

    def standings(organisation, budgets):
        return real(organisation, budgets if organisation.pk != faulty else None)

    with patch("billing.budgets.evaluation.standings", standings):
        assert evaluation.evaluate() == 3
    assert {alert.budget.organisation_id for alert in BudgetAlert.objects.all()} == {
        beside.organisation_id
    }


@pytest.mark.django_db(transaction=True)
def test_two_rounds_at_once_tell_once(project):
    spend(project, Decimal(10))
    make_budget(project, 250)
    both = Barrier(2)
    new = []

    def work():
        both.wait()
        new.append(evaluation.evaluate())
        connections.close_all()

    threads = [Thread(target=work) for _ in range(2)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sum(new) == 3
    assert BudgetAlert.objects.count() == OutboxEntry.objects.count() == 3


def test_a_raised_budget_is_told_again_when_it_is_reached_again(project, owner):
    spend(project, Decimal(10))
    budget = make_budget(project, 250)
    evaluation.evaluate()
    actions.update_budget(actor=owner, budget=budget, amount=Decimal(350))
    assert list(BudgetAlert.objects.values_list("kind", "percent")) == [("actual", 50)]
    spend(project, Decimal(150), first=date(2026, 10, 21), end=date(2026, 10, 22))
    evaluation.evaluate()
    assert [entry.params["percent"] for entry in told("budget.actual")] == [50, 80, 80, 100]
    assert len(told("budget.forecast")) == 2


def test_who_hears_of_it_and_in_which_words(project, owner, operator):
    hook = make_webhook(project, kinds=["budget.actual"])
    spend(project, Decimal(10))
    make_budget(project, 250, ("actual", 80, "block"), project=project, name="Shop")
    evaluation.evaluate()
    entry = told("budget.actual")[0]
    fanout.fan_out(entry.pk)
    assert {row.user_id for row in Notification.objects.all()} == {owner.user_id}
    assert {row.user_id for row in Mailing.objects.all()} == {owner.user_id}
    assert Delivery.objects.get().webhook == hook
    words = words_of(entry)
    assert words.title == "80 % of the budget “Shop” are spent"
    assert "€\u202f200.00 of €\u202f250.00 (net) are spent in October 2026." in words.body
    assert words.body.endswith("What costs more is refused from now on.")


# -- the last hours of a month ---------------------------------------------------------------------


def test_what_the_last_hours_of_a_month_reach_is_told_when_it_is_over(project, monkeypatch):
    """They are metered after midnight; what a budget does beside telling ends with the month."""
    budget = make_budget(project, 200, ("actual", 100, "block"), ("forecast", 100, "notify"))
    Budget.objects.update(updated_at=NOW)
    spend(project, Decimal(300), first=date(2026, 10, 31), end=date(2026, 11, 1))
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 11, 1, 0, 30, tzinfo=UTC))
    for _ in range(2):
        evaluation.evaluate()
    alert = BudgetAlert.objects.get(month=MONTH)
    assert (alert.kind, alert.percent, alert.action) == ("actual", 100, "notify")
    (entry,) = told("budget.actual")
    assert "October 2026" in words_of(entry).body
    assert budget.alerts.filter(month=date(2026, 11, 1)).count() <= 1


def test_a_budget_that_was_changed_since_says_nothing_of_the_month_before(project, monkeypatch):
    budget = make_budget(project, 1000, ("actual", 100, "notify"))
    spend(project, Decimal(300), first=date(2026, 10, 31), end=date(2026, 11, 1))
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 11, 1, 0, 30, tzinfo=UTC))
    actions.update_budget(actor=SYSTEM, budget=budget, amount=Decimal(200))
    evaluation.evaluate()
    assert not BudgetAlert.objects.exists()
