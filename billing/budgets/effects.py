"""What a budget pauses: services in its scope that run and carry its tag, and never another."""

from __future__ import annotations

import logging

from django.db import transaction

from billing.models import Budget, BudgetAlert
from portal.kernel import clock
from portal.kernel.actor import SYSTEM
from portal.kernel.errors import Conflict, Gone
from portal.outbox.actions import notify
from services.instances import actions, opening
from services.instances.models import Instance
from services.instances.states import Phase
from services.spec import Capability

logger = logging.getLogger(__name__)
_MOST_NAMED = 20


def targets(budget: Budget) -> list[Instance]:
    """What it would pause now, by name. One query."""
    rows = Instance.objects.filter(
        project__organisation_id=budget.organisation_id,
        project__archived_at=None,
        deleted_at=None,
        phase=Phase.RUNNING,
        tags__contains={budget.pause_key: budget.pause_value},
    )
    if budget.project_id is not None:
        rows = rows.filter(project_id=budget.project_id)
    if budget.scope == Budget.Scope.TAG:
        rows = rows.filter(tags__contains={budget.tag_key: budget.tag_value})
    found = rows.select_related("project__organisation", "region").order_by("name", "pk")
    return [row for row in found if Capability.PAUSE in opening.capabilities(row)]


def pause_due(budget: Budget) -> int:
    """Pauses what thresholds that were reached this month say, each service once a threshold: who
    resumes it afterwards has the last word. What is busy is tried again in the next round.

    Returns how many were asked to pause.
    """
    month = clock.now().date().replace(day=1)
    due = BudgetAlert.objects.filter(budget=budget, month=month, action="pause", acted_at=None)
    return sum(_act(budget, alert) for alert in due)


def _act(budget: Budget, alert: BudgetAlert) -> int:
    wanted = [row for row in targets(budget) if row.public_id not in alert.paused]
    done = [_pause(budget, alert, row) for row in wanted]
    if "busy" not in done:
        _finish(budget, alert)
    return done.count("paused")


def _pause(budget: Budget, alert: BudgetAlert, instance: Instance) -> str:
    """One service, in its own transaction. `paused`, `busy`, or `over` (by another round)."""
    reason = f"budget {budget.public_id}: {alert.percent} % ({alert.kind})"
    try:
        with transaction.atomic():
            row = BudgetAlert.objects.select_for_update().filter(pk=alert.pk).first()
            if row is None or instance.public_id in row.paused:
                return "over"
            actions.pause(actor=SYSTEM, instance=instance, reason=reason)
            row.paused = [*row.paused, instance.public_id]
            row.save(update_fields=["paused"])
    except Gone:
        return "over"
    except Conflict as error:
        logger.info("budget.busy", extra={"instance": instance.public_id, "code": error.code})
        return "busy"
    return "paused"


@transaction.atomic
def _finish(budget: Budget, alert: BudgetAlert) -> None:
    row = BudgetAlert.objects.select_for_update().filter(pk=alert.pk, acted_at=None).first()
    if row is None:
        return
    row.acted_at = clock.now()
    row.save(update_fields=["acted_at"])
    if row.paused:
        names = Instance.objects.filter(public_id__in=row.paused).order_by("name")
        notify(
            "budget.paused",
            organisation_id=budget.organisation_id,
            project_id=budget.project_id,
            webhooks_of_id=budget.webhooks_of_id,
            target=budget.public_id,
            params={
                "budget": budget.public_id,
                "name": budget.name,
                "count": len(row.paused),
                "services": list(names.values_list("name", flat=True)[:_MOST_NAMED]),
            },
        )
