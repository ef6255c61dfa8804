"""Budgets that a furnished world holds."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from billing.budgets import actions, evaluation
from billing.budgets.rules import Threshold
from billing.models import CostAnomaly
from billing.orders import approvals
from portal.console.actions import save_cost_view
from portal.kernel import clock
from portal.kernel.actor import Actor
from portal.tenancy.permissions import Role
from services import registry
from services.instances.admission import Wanted
from tests.makers import actor_for


def furnish_budgets(place: Any, owner: Actor, name: str) -> None:
    """One that is used up and asks for approval, called `name`; one that is not; an order that
    waits.
    """
    world = place.world
    made = actions.create_budget(
        actor=owner,
        organisation=world["organisation"],
        name=name,
        amount=Decimal("0.50"),
        project=world["project"],
        thresholds=[Threshold("actual", 50, "pause"), Threshold("forecast", 80, "approve")],
        pauses=("env", "nobody"),
    )
    actions.create_budget(
        actor=owner, organisation=world["organisation"], name="All of it", amount=Decimal(100_000)
    )
    approvals.ask_to_order(
        actor=actor_for(place.people[Role.OPERATOR]),
        wanted=Wanted(
            project=world["project"],
            entry=registry.get("postgresql"),
            region=world["region"],
            name="waits-for-approval",
        ),
    )
    evaluation.evaluate()
    because = [{"by": "offering", "key": "postgresql", "excess": "90.00"}]
    because.append({"by": "instance", "key": world["instance"].public_id, "excess": "80.00"})
    CostAnomaly.objects.get_or_create(
        organisation=world["organisation"],
        day=clock.now().date(),
        defaults={"amount": 100, "expected": 10, "because": because},
    )
    save_cost_view(
        actor=owner, project=world["project"], name=name[:40], query="by=project", is_shared=True
    )
    for page in ("budget", "budget-rehearsal", "budget-delete"):
        place.reals[f"console:{page}"] = {"public_id": made.public_id}
