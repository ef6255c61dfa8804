"""After each hourly round: budgets beside their costs, and days that stand out; each told once.

An alert and what tells of it are one transaction, and a row is unique by what it says: a second
round at the same time, or one that was killed at any line, tells nobody twice and nobody not at
all.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, transaction

from billing.budgets.effects import pause_due
from billing.budgets.queries import in_use
from billing.budgets.rules import Threshold
from billing.budgets.standing import Standing, standings
from billing.costs import queries as costs
from billing.models import Budget, BudgetAlert, CostAnomaly, CostRollup
from billing.outlook import anomalies
from billing.outlook.anomalies import Anomaly
from portal.kernel import clock
from portal.kernel.actor import SYSTEM
from portal.outbox.actions import notify
from portal.tenancy.models import Organisation

logger = logging.getLogger(__name__)
_LATE_DAYS = 3  # of a month, in which the round looks back into the one before
_NEW_DAYS = 2  # today, as far as it has come, and yesterday
_BACK_DAYS = anomalies.LOOK_BACK_DAYS + 2 * anomalies.QUIET_DAYS
_PARTS = ("offering", "project", "instance")
_MOST_PARTS = 3
_ZERO = Decimal(0)


def evaluate() -> int:
    """All budgets, and the days of all organisations with costs. Returns how many alerts and
    anomalies are new. A fault in one organisation does not hold up the others.
    """
    by_organisation: dict[int, list[Budget]] = {}
    for budget in in_use().order_by("pk"):
        by_organisation.setdefault(budget.organisation_id, []).append(budget)
    return sum(
        _safely(organisation, by_organisation.get(organisation.pk, []))
        for organisation in _with_costs(by_organisation)
    )


def _with_costs(budgeted: dict[int, list[Budget]]) -> list[Organisation]:
    since = clock.now().date() - timedelta(days=_NEW_DAYS)
    spending = CostRollup.objects.filter(day__gte=since).values("organisation").distinct()
    rows = Organisation.objects.filter(archived_at=None)
    return list(rows.filter(pk__in=spending) | rows.filter(pk__in=budgeted))


def _safely(organisation: Organisation, budgets: list[Budget]) -> int:
    try:
        return evaluate_organisation(organisation, budgets)
    except Exception:
        logger.exception("budgets.failed", extra={"organisation": organisation.pk})
        return 0


def evaluate_organisation(organisation: Organisation, budgets: list[Budget]) -> int:
    """Raises: nothing that is not a fault of ours."""
    told = sum(
        _tell(standing, threshold)
        for standing in standings(organisation, budgets)
        for threshold in standing.reached()
    )
    for budget in budgets:
        pause_due(budget)
    told += sum(_tell(standing, threshold) for standing, threshold in _reached_late(budgets))
    return told + _look_for_anomalies(organisation)


def _reached_late(budgets: list[Budget]) -> Iterator[tuple[Standing, Threshold]]:
    """What its last hours brought the month before to, which are metered when it is over: told, and
    no more, for what budgets do ends with their month.
    """
    today = clock.now().date()
    if not budgets or today.day > _LATE_DAYS:
        return
    first = today.replace(day=1)
    before = (first - timedelta(days=1)).replace(day=1)
    known = [one for one in budgets if one.updated_at.date() < first]  # as they were then
    for standing in standings(budgets[0].organisation, known, month=before):
        for threshold in standing.reached():
            if threshold.kind == "actual":
                yield standing, replace(threshold, action="notify")


def _tell(standing: Standing, threshold: Threshold) -> bool:
    """True when this call told of it."""
    budget = standing.budget
    alert = BudgetAlert(
        budget=budget,
        month=standing.month,
        kind=threshold.kind,
        percent=threshold.percent,
        action=threshold.action,
        cost=standing.cost_of(threshold),
        amount=budget.amount,
        at=clock.now(),
        acted_at=None if threshold.action == "pause" else clock.now(),
    )
    try:
        with transaction.atomic():
            alert.save(force_insert=True)
            _notify(alert, budget)
    except IntegrityError:  # told already, or the budget is gone
        return False
    return True


def _notify(alert: BudgetAlert, budget: Budget) -> None:
    notify(
        f"budget.{alert.kind}",
        organisation_id=budget.organisation_id,
        project_id=budget.project_id,
        webhooks_of_id=budget.webhooks_of_id,
        target=budget.public_id,
        params={
            "budget": budget.public_id,
            "name": budget.name,
            "month": f"{alert.month:%Y-%m}",
            "percent": alert.percent,
            "action": alert.action,
            "cost": f"{round(alert.cost, 2):f}",
            "amount": f"{budget.amount:f}",
            "currency": budget.currency,
        },
    )


# -- days that stand out ---------------------------------------------------------------------------


def _look_for_anomalies(organisation: Organisation) -> int:
    today = clock.now().date()
    end = today + timedelta(days=1)
    first = end - timedelta(days=_NEW_DAYS)
    sums = costs.day_sums_for(SYSTEM, organisation, first=end - timedelta(days=_BACK_DAYS), end=end)
    by_day: dict[date, Decimal] = {one.day: one.usage for one in sums}
    found = anomalies.anomalies(by_day, first=first, end=end)
    quiet = first - timedelta(days=anomalies.QUIET_DAYS)
    if not found or CostAnomaly.objects.filter(organisation=organisation, day__gte=quiet).exists():
        return 0
    return sum(_tell_anomaly(organisation, one) for one in found)


def _tell_anomaly(organisation: Organisation, one: Anomaly) -> bool:
    because = _because(organisation, one.day)
    row = CostAnomaly(
        organisation=organisation,
        day=one.day,
        amount=one.amount,
        expected=one.expected,
        because=because,
        at=clock.now(),
    )
    try:
        with transaction.atomic():
            row.save(force_insert=True)
            notify(
                "cost.anomaly",
                organisation_id=organisation.pk,
                target=f"{one.day:%F}",
                params={
                    "day": f"{one.day:%F}",
                    "amount": f"{round(one.amount, 2):f}",
                    "expected": f"{round(one.expected, 2):f}",
                    "because": because,
                },
            )
    except IntegrityError:
        return False
    return True


def _because(organisation: Organisation, day: date) -> list[dict[str, str]]:
    """What the day's excess over the same weekday before is made of, the largest parts first."""
    parts = [part for by in _PARTS for part in _excesses(organisation, day, by)]
    parts.sort(key=lambda part: -part[2])
    return [
        {"by": by, "key": key, "excess": f"{round(excess, 2):f}"}
        for by, key, excess in parts[: _MOST_PARTS * len(_PARTS)]
        if excess > 0
    ]


def _excesses(organisation: Organisation, day: date, by: str) -> list[tuple[str, str, Decimal]]:
    """Of each group: its cost that day less its mean of the same weekday in four weeks."""
    weeks = anomalies.LOOK_BACK_DAYS // 7
    span: dict[str, Any] = {
        "first": day - timedelta(days=anomalies.LOOK_BACK_DAYS),
        "end": day + timedelta(days=1),
        "group_by": by,
    }
    found = costs.costs_for(SYSTEM, organisation, **span)
    corrected = costs.corrections_by_day(SYSTEM, organisation, **span)
    now: dict[str, Decimal] = {}
    before: dict[str, Decimal] = {}
    for row in found.rows:
        cost = row.billed_cost - corrected.get((row.start, row.group), _ZERO)
        if row.start == day:
            now[row.group] = now.get(row.group, _ZERO) + cost
        elif row.start.weekday() == day.weekday():
            before[row.group] = before.get(row.group, _ZERO) + cost / weeks
    excesses = [(by, key, cost - before.get(key, _ZERO)) for key, cost in now.items()]
    return sorted(excesses, key=lambda part: -part[2])[:_MOST_PARTS]
