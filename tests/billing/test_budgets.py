"""Budgets: what is reached, told exactly once, refused, approved, paused; what a rehearsal says."""

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from threading import Barrier, Thread
from unittest.mock import patch

import pytest
from django.db import connections

from billing import approvals, ordering
from billing.budgets import actions, effects, evaluation, queries, rules
from billing.budgets.rehearsal import rehearse
from billing.budgets.rules import Threshold
from billing.models import (
    BillingIdentity,
    Budget,
    BudgetAlert,
    CostAnomaly,
    CostLine,
    CostRollup,
    Order,
    TagSet,
)
from billing.outlook import outlook_for
from billing.tagsets import TagSets
from portal.audit.models import AuditEvent
from portal.kernel import clock
from portal.kernel.actor import SYSTEM
from portal.kernel.errors import (
    ApprovalNeeded,
    BudgetExceeded,
    Conflict,
    Invalid,
    NotFound,
    NotPermitted,
)
from portal.notifications import fanout
from portal.notifications.delivering import body_of
from portal.notifications.models import Delivery, Mailing, Notification
from portal.notifications.queries import words_of
from portal.outbox.models import OutboxEntry
from portal.tenancy.models import Organisation, Project
from portal.tenancy.permissions import Role
from services import registry
from services.instances.admission import Wanted
from services.instances.models import Instance, Operation
from tests.makers import (
    actor_for,
    drive,
    make_instance,
    make_member,
    make_project,
    make_region,
    make_webhook,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("prices", "fake")]

NOW = datetime(2026, 10, 21, 12, tzinfo=UTC)
MONTH = date(2026, 10, 1)


@pytest.fixture(autouse=True)
def now(monkeypatch):
    """Twenty whole days of October are over."""
    monkeypatch.setattr(clock, "now", lambda: NOW)
    return NOW


@pytest.fixture
def project():
    return make_project()


@pytest.fixture
def region():
    return make_region()


@pytest.fixture
def owner(project):
    return actor_for(make_member(project, Role.OWNER))


@pytest.fixture
def operator(project):
    return actor_for(make_member(project, Role.OPERATOR))


def spend(project, amount, *, first=date(2026, 9, 1), end=date(2026, 10, 21), tags=None):
    """`amount` of usage on each day of [`first`, `end`)."""
    tag_set = TagSets().of(tags) if tags else None
    rows = [
        CostRollup(
            organisation=project.organisation,
            project=project,
            tag_set_id=tag_set,
            offering="postgresql",
            day=first + timedelta(days=n),
            category="usage",
            list_cost=amount,
            contracted_cost=amount,
            effective_cost=amount,
            billed_cost=amount,
        )
        for n in range((end - first).days)
    ]
    CostRollup.objects.bulk_create(rows)


def make_budget(of, amount, *thresholds, **fields):
    """Of the whole organisation, unless `project=` or `tag=` says otherwise."""
    asked = {"thresholds": [Threshold(*one) for one in thresholds]} if thresholds else {}
    return actions.create_budget(
        actor=SYSTEM,
        organisation=of.organisation,
        name=fields.pop("name", "All"),
        amount=Decimal(amount),
        **asked,
        **fields,
    )


def standing_of(budget):
    return queries.standings_of([budget])[0]


def told(kind):
    return list(OutboxEntry.objects.filter(kind=kind).order_by("pk"))


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


# -- orders ----------------------------------------------------------------------------------------


def wanted(project, region, name="orders-db", **more):
    entry = registry.get("postgresql")
    return Wanted(project=project, region=region, entry=entry, name=name, **more)


def test_an_order_shows_what_a_budget_comes_to_with_it(project, region, owner):
    spend(project, Decimal(10))
    make_budget(project, 400)
    preview = ordering.preview_order(actor=owner, wanted=wanted(project, region, plan="single-2x8"))
    gate = preview.gates[0]
    hours = Decimal(10 * 24 + 12)
    assert gate.after == 310 + Decimal("0.12832") * hours
    assert gate.verdict == ""
    assert gate.percent == gate.after / 4


def test_a_used_up_budget_refuses_what_costs_more(project, region, owner):
    instance = make_instance(project, region, plan="single-4x16")
    spend(project, Decimal(10))
    budget = make_budget(project, 200, ("actual", 100, "block"))
    with pytest.raises(BudgetExceeded) as refused:
        ordering.place_order(actor=owner, wanted=wanted(project, region))
    assert "€\u202f200.00" in refused.value.text
    assert owner.name in refused.value.hint
    with pytest.raises(BudgetExceeded):
        ordering.change_order(actor=owner, instance=instance, plan="ha-4x16")
    drive(ordering.change_order(actor=owner, instance=instance, plan="single-2x8"))
    actions.update_budget(actor=owner, budget=budget, amount=Decimal(201))
    ordering.place_order(actor=owner, wanted=wanted(project, region))


def test_a_used_up_budget_refuses_to_resume(project, region, owner):
    instance = make_instance(project, region)
    spend(project, Decimal(10))
    make_budget(project, 200, ("actual", 100, "block"))
    Instance.objects.filter(pk=instance.pk).update(phase="paused")
    with pytest.raises(BudgetExceeded):
        ordering.resume_order(actor=owner, instance=instance)
    with pytest.raises(BudgetExceeded):
        ordering.undelete_order(actor=owner, instance=instance)


def test_a_budget_for_a_tag_counts_orders_that_carry_it(project, region, owner):
    spend(project, Decimal(10), tags={"team": "a"})
    make_budget(project, 200, ("actual", 100, "block"), tag=("team", "a"))
    with pytest.raises(BudgetExceeded):
        ordering.place_order(actor=owner, wanted=wanted(project, region, tags={"team": "a"}))
    ordering.place_order(actor=owner, wanted=wanted(project, region, tags={"team": "b"}))


def test_approval_is_asked_of_whoever_may_not_give_it(project, region, owner, operator):
    spend(project, Decimal(10))
    make_budget(project, 200, ("actual", 100, "approve"))
    with pytest.raises(ApprovalNeeded):
        ordering.place_order(actor=operator, wanted=wanted(project, region))
    asked = approvals.ask_to_order(actor=operator, wanted=wanted(project, region))
    again = approvals.ask_to_order(actor=operator, wanted=wanted(project, region))
    assert list(queries.awaiting_for(owner)) == [again]
    asked.refresh_from_db()
    assert asked.state == Order.State.REFUSED
    assert not Instance.objects.exists()
    with pytest.raises(NotPermitted):
        approvals.approve_order(actor=operator, order=again)
    operation = approvals.approve_order(actor=owner, order=again)
    again.refresh_from_db()
    assert (again.state, again.decided_by) == (Order.State.PLACED, owner.name)
    assert again.instance == operation.instance
    assert operation.requested_by == operator.name
    with pytest.raises(Conflict):
        approvals.refuse_order(actor=owner, order=again)
    verbs = set(AuditEvent.objects.values_list("verb", flat=True))
    assert {"order.ask", "order.approve", "instance.create"} <= verbs
    ordering.place_order(actor=owner, wanted=wanted(project, region, name="my-own"))


def test_an_order_is_refused_with_a_reason(project, region, owner, operator):
    asked = approvals.ask_to_order(actor=operator, wanted=wanted(project, region))
    approvals.refuse_order(actor=owner, order=asked, reason=" Not this year. ")
    entry = told("order.refused")[0]
    assert entry.asked_by == operator.name
    assert words_of(entry).body == f"{owner.name} refused the order. Not this year."


def test_nothing_is_placed_for_somebody_who_has_left(project, region, owner, operator):
    asked = approvals.ask_to_order(actor=operator, wanted=wanted(project, region))
    project.organisation.memberships.filter(user_id=operator.user_id).delete()
    with pytest.raises(Conflict) as told_why:
        approvals.approve_order(actor=owner, order=asked)
    assert "may no longer order" in told_why.value.text
    assert not Instance.objects.exists()


def test_an_approved_order_whose_name_was_taken_is_told(project, region, owner, operator):
    asked = approvals.ask_to_order(actor=operator, wanted=wanted(project, region))
    ordering.place_order(actor=owner, wanted=wanted(project, region))
    with pytest.raises(Conflict) as told_why:
        approvals.approve_order(actor=owner, order=asked)
    assert "orders-db" in told_why.value.text


def test_an_order_beyond_the_free_tier_is_not_approved(project, region, owner, operator, settings):
    asked = approvals.ask_to_order(
        actor=operator, wanted=wanted(project, region, plan="single-2x8")
    )
    settings.POLDER_FREE_TIER = True
    BillingIdentity.objects.all().delete()
    with pytest.raises(BudgetExceeded):
        approvals.approve_order(actor=owner, order=asked)
    assert not Instance.objects.exists()


# -- pausing ---------------------------------------------------------------------------------------


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


def pauses():
    rows = Operation.objects.filter(kind="pause").order_by("instance__name")
    return list(rows.values_list("instance__name", flat=True))


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
