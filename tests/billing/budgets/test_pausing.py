"""What a budget pauses, and the rehearsal of it."""

from decimal import Decimal
from unittest.mock import patch

import pytest

from billing.budgets import actions, effects, evaluation
from billing.budgets.rehearsal import rehearse
from billing.budgets.rules import Threshold
from billing.models import BudgetAlert
from billing.orders import ordering
from portal.audit.models import AuditEvent
from portal.kernel.actor import SYSTEM
from portal.outbox.models import OutboxEntry
from services.instances.models import Instance, Operation
from tests.billing.budgets.spending import make_budget, pauses, spend, told
from tests.makers import drive, make_instance, make_project, make_webhook

pytestmark = [pytest.mark.walk, pytest.mark.django_db, pytest.mark.usefixtures("prices", "fake")]


@pytest.fixture
def services(project, region):
    """Two for development, one of them elsewhere, and one that must not be touched."""
    beside = make_project(project.organisation)
    return {
        "dev": make_instance(project, region, name="dev", tags={"env": "dev", "team": "a"}),
        "prod": make_instance(project, region, name="prod", tags={"env": "prod"}),
        "none": make_instance(project, region, name="none"),
        "beside": make_instance(beside, region, name="beside", tags={"env": "dev"}),
    }


# -- pausing ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scope", "names"),
    [
        ({}, ["beside", "dev"]),
        ({"tag": ("team", "a")}, ["dev"]),
        ({"pauses": ("env", "prod")}, ["prod"]),
        ({"pauses": ("env", "test")}, []),
    ],
)
def test_it_pauses_what_carries_the_tag_and_nothing_else(project, services, scope, names):
    spend(project, Decimal(10), tags={"team": "a"})
    budget = make_budget(project, 200, ("actual", 100, "pause"), **scope)
    assert [row.name for row in rehearse(budget).pauses] == names
    evaluation.evaluate()
    assert pauses() == names
    alert = BudgetAlert.objects.get()
    assert len(alert.paused) == len(names)
    assert alert.acted_at is not None
    evaluation.evaluate()
    assert pauses() == names


def test_a_budget_of_a_project_pauses_there_only(project, services):
    spend(project, Decimal(10))
    make_budget(project, 200, ("actual", 100, "pause"), project=project)
    evaluation.evaluate()
    assert pauses() == ["dev"]
    operation = Operation.objects.get(kind="pause")
    assert operation.requested_by == SYSTEM.name
    event = AuditEvent.objects.get(verb="instance.pause")
    assert event.actor_kind == "system"
    assert event.reason.startswith("budget bg-")
    assert told("budget.paused")[0].params["services"] == ["dev"]


def test_whoever_resumes_has_the_last_word(project, services, owner):
    spend(project, Decimal(10))
    make_budget(project, 200, ("actual", 100, "pause"), project=project)
    evaluation.evaluate()
    drive(Operation.objects.get(kind="pause"))
    services["dev"].refresh_from_db()
    drive(ordering.resume_order(actor=owner, instance=services["dev"]))
    evaluation.evaluate()
    assert pauses() == ["dev"]


def test_what_is_busy_is_paused_in_the_next_round_and_nothing_twice(project, services, owner):
    spend(project, Decimal(10))
    make_budget(project, 200, ("actual", 100, "pause"))
    busy = ordering.change_order(actor=owner, instance=services["dev"], plan="single-2x8")
    Instance.objects.filter(pk=services["dev"].pk).update(phase="running")
    evaluation.evaluate()
    assert pauses() == ["beside"]
    assert BudgetAlert.objects.get().acted_at is None
    assert not told("budget.paused")
    drive(busy)
    evaluation.evaluate()
    assert pauses() == ["beside", "dev"]
    assert len(told("budget.paused")) == 1


def test_a_round_that_is_killed_while_it_pauses_goes_on_in_the_next(project, services):
    spend(project, Decimal(10))
    budget = make_budget(project, 200, ("actual", 100, "pause"))
    with patch("billing.budgets.effects._finish", side_effect=MemoryError):
        evaluation.evaluate()
    assert effects.pause_due(budget) == 0
    assert pauses() == ["beside", "dev"]
    assert len(told("budget.paused")) == 1


def test_a_threshold_that_was_told_does_what_it_says_now(project, services, owner):
    spend(project, Decimal(10))
    budget = make_budget(project, 200, ("actual", 100, "notify"))
    evaluation.evaluate()
    stricter = [Threshold("actual", 100, "pause")]
    actions.update_budget(actor=owner, budget=budget, thresholds=stricter)
    assert rehearse(budget).pauses_now
    for _ in range(2):
        evaluation.evaluate()
    assert pauses() == ["beside", "dev"]
    assert len(told("budget.actual")) == len(told("budget.paused")) == 1


@pytest.mark.parametrize("changed", [("actual", 100, "notify"), ("actual", 150, "pause")])
def test_what_a_threshold_no_longer_says_is_not_done(project, services, owner, changed):
    spend(project, Decimal(10))
    budget = make_budget(project, 200, ("actual", 100, "pause"))
    with patch("billing.budgets.evaluation.pause_due"):
        evaluation.evaluate()
    actions.update_budget(actor=owner, budget=budget, thresholds=[Threshold(*changed)])
    evaluation.evaluate()
    assert pauses() == []


# -- rehearsal -------------------------------------------------------------------------------------


def test_a_rehearsal_says_what_would_happen_and_writes_nothing(project, services, owner):
    make_webhook(project, "https://hooks.test/secret", kinds=["budget.actual"])
    spend(project, Decimal(10))
    steps = [("actual", 50, "notify"), ("actual", 100, "pause"), ("forecast", 300, "block")]
    budget = make_budget(project, 200, *steps, project=project)
    before = [OutboxEntry.objects.count(), Operation.objects.count(), AuditEvent.objects.count()]
    found = rehearse(budget)
    assert [(one.threshold.percent, one.acts_now) for one in found.steps] == [
        (50, True),
        (100, True),
        (300, False),
    ]
    assert found.mails == found.bells == [owner.name]
    assert found.hooks == ["hooks.test"]
    assert (found.orders, found.pauses_now) == ("", True)
    assert [row.name for row in found.pauses] == ["dev"]
    assert before == [
        OutboxEntry.objects.count(),
        Operation.objects.count(),
        AuditEvent.objects.count(),
    ]
    evaluation.evaluate()
    assert not rehearse(budget).tells_now
    assert not rehearse(budget).pauses_now
