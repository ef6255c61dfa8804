"""What budgets say to an order: how much of each would be used, and whether it may be placed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Literal

from django.utils.translation import gettext as _

from billing.budgets import rules
from billing.budgets.queries import applying_to
from billing.budgets.standing import Standing, standings
from billing.formats import money
from billing.metering.plantime import month_bounds
from portal.kernel import clock
from portal.kernel.actor import Actor
from portal.kernel.errors import ApprovalNeeded, BudgetExceeded
from portal.kernel.formats import number
from portal.kernel.money import Money
from portal.tenancy import access
from portal.tenancy.models import Project
from portal.tenancy.permissions import Permission
from portal.tenancy.queries import people_with

Verdict = Literal["", "approve", "block"]
_HARDER: tuple[Verdict, ...] = ("", "approve", "block")
_SECONDS_PER_HOUR = 3600
_MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class Gate:
    """One budget before an order: `after` is what the month is expected to cost with it.

    `verdict` is what reached thresholds say: "" (go on), approve, block.
    """

    standing: Standing
    verdict: Verdict
    after: Decimal

    @property
    def percent(self) -> Decimal:
        """How much of the budget is expected to be used with the order."""
        return rules.percent_of(self.after, self.standing.budget.amount)


def gates_for(project: Project, tags: Mapping[str, str], more: Decimal) -> list[Gate]:
    """The budgets that count an order in `project` with `tags`, the hardest first. `more` is what
    it costs an hour, net, beyond what is paid now. One query without budgets, two or three with.
    """
    found = standings(project.organisation, applying_to(project, tags))
    hours = hours_left(clock.now())
    gates = [Gate(one, verdict_of(one), one.expected + more * hours) for one in found]
    return sorted(gates, key=lambda gate: (-_HARDER.index(gate.verdict), -gate.percent))


def demand(actor: Actor, project: Project, tags: Mapping[str, str], more: Decimal) -> None:
    """Refuses an order that costs `more` an hour where a budget says so. Whoever may approve
    orders needs no approval. Raises: BudgetExceeded, ApprovalNeeded.
    """
    if more <= 0:
        return
    gate = next(iter(gates_for(project, tags, more)), None)
    if gate is None or not gate.verdict:
        return
    if gate.verdict == "block":
        raise BudgetExceeded(refusal_of(gate), hint=hint_of(gate))
    held = access.permissions_in(actor, project)
    if Permission.BILLING_MANAGE not in held:
        raise ApprovalNeeded(refusal_of(gate), hint=hint_of(gate))


def refusal_of(gate: Gate) -> str:
    """Why, with the numbers."""
    one = gate.standing
    words = {
        "name": one.budget.name,
        "amount": money(Money(one.budget.amount, one.budget.currency)),
        "actual": money(Money(one.actual, one.budget.currency)),
        "percent": number(one.percent, 0),
        "expected": number(one.expected_percent, 0),
    }
    if gate.verdict == "approve":
        text = _(
            "Of the budget “%(name)s” (%(amount)s a month, net) %(actual)s are spent, "
            "%(percent)s %%; %(expected)s %% are expected. What costs more needs approval."
        )
    else:
        text = _(
            "Of the budget “%(name)s” (%(amount)s a month, net) %(actual)s are spent, "
            "%(percent)s %%; %(expected)s %% are expected. It refuses what costs more."
        )
    return text % words


def hint_of(gate: Gate) -> str:
    """What can be done, and by whom."""
    budget = gate.standing.budget
    people = people_with(
        Permission.BILLING_MANAGE,
        organisation_id=budget.organisation_id,
        project_id=budget.project_id,
    )
    names = ", ".join(people.order_by("email").values_list("email", flat=True)[:_MOST_NAMED])
    if gate.verdict == "approve":
        return _("Ask for approval; these may give it: %(names)s.") % {"names": names or "—"}
    return _("Raise the budget or wait for next month; these may: %(names)s.") % {
        "names": names or "—"
    }


def hours_left(now: datetime) -> Decimal:
    """Of the calendar month (UTC)."""
    _start, end = month_bounds(now.astimezone(UTC).date())
    seconds = (datetime.combine(end.date(), time(), UTC) - now).total_seconds()
    return Decimal(int(seconds)) / _SECONDS_PER_HOUR


def verdict_of(standing: Standing) -> Verdict:
    """What the thresholds that are reached now say to orders."""
    actions = {one.action for one in standing.reached()}
    return next((word for word in reversed(_HARDER) if word in actions), "")
