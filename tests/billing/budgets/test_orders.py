"""What budgets do to orders: shown, refused, or approved by somebody."""

from datetime import date
from decimal import Decimal

import pytest

from billing.budgets import actions, queries
from billing.models import BillingIdentity, Order
from billing.orders import approvals, ordering
from portal.audit.models import AuditEvent
from portal.kernel.errors import ApprovalNeeded, BudgetExceeded, Conflict, NotPermitted
from portal.notifications.queries import words_of
from services.instances.models import Instance
from tests.billing.budgets.spending import make_budget, spend, told, wanted
from tests.makers import drive, make_instance

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("prices", "fake")]


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


def test_approval_does_not_open_a_budget_that_refuses(project, region, owner, operator):
    spend(project, Decimal(10))
    budget = make_budget(project, 200, ("actual", 90, "approve"), ("actual", 101, "block"))
    asked = approvals.ask_to_order(actor=operator, wanted=wanted(project, region))
    spend(project, Decimal(10), first=date(2026, 10, 20))
    with pytest.raises(BudgetExceeded):
        approvals.approve_order(actor=owner, order=asked)
    asked.refresh_from_db()
    assert asked.state == Order.State.AWAITING_APPROVAL
    actions.update_budget(actor=owner, budget=budget, amount=Decimal(400))
    assert approvals.approve_order(actor=owner, order=asked)


def test_an_order_beyond_the_free_tier_is_not_approved(project, region, owner, operator, settings):
    asked = approvals.ask_to_order(
        actor=operator, wanted=wanted(project, region, plan="single-2x8")
    )
    settings.POLDER_FREE_TIER = True
    BillingIdentity.objects.all().delete()
    with pytest.raises(BudgetExceeded):
        approvals.approve_order(actor=owner, order=asked)
    assert not Instance.objects.exists()
