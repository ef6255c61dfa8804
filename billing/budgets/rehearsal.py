"""What a budget would do now. Writes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from billing.budgets import effects, rules
from billing.budgets.gates import Verdict, verdict_of
from billing.budgets.rules import Threshold
from billing.budgets.standing import Standing, standings
from billing.models import Budget, BudgetAlert, Order
from portal.notifications import kinds
from portal.notifications.fanout import hearers_at
from portal.notifications.models import Webhook
from portal.notifications.queries import wishes
from portal.tenancy.queries import emails_of
from services.instances.models import Instance


@dataclass(frozen=True, slots=True)
class Step:
    """A threshold, whether it is reached now, and whether it was told this month already."""

    threshold: Threshold
    reached: bool
    told: bool

    @property
    def acts_now(self) -> bool:
        return self.reached and not self.told


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """`mails` and `bells` are who hears when a threshold is told; `hooks` the hosts of webhooks.

    `orders` is what an order gets now; `pauses` what a threshold that pauses would pause, and
    `pauses_now` whether one would, in the next round.
    """

    standing: Standing
    steps: list[Step]
    mails: list[str]
    bells: list[str]
    hooks: list[str]
    orders: Verdict
    waiting: int
    pauses: list[Instance]
    pauses_now: bool

    @property
    def tells_now(self) -> bool:
        return any(step.acts_now for step in self.steps)


def rehearse(budget: Budget) -> Rehearsal:
    """Of a budget that the reader may see."""
    standing = standings(budget.organisation, [budget])[0]
    alerts = list(BudgetAlert.objects.filter(budget=budget, month=standing.month))
    told = {(alert.kind, alert.percent) for alert in alerts}
    reached = set(standing.reached())
    steps = [
        Step(one, one in reached, (one.kind, one.percent) in told)
        for one in rules.read(budget.thresholds)
    ]
    kind = kinds.get("budget.actual")
    people = hearers_at(kind, budget.organisation_id, budget.project_id)
    chosen = wishes(kind, people)
    emails = emails_of(people)
    unfinished = any(a.action == "pause" and a.acted_at is None for a in alerts)
    return Rehearsal(
        standing,
        steps,
        mails=sorted(emails[key] for key, wish in chosen.items() if wish.mail and key in emails),
        bells=sorted(emails[key] for key, wish in chosen.items() if wish.bell and key in emails),
        hooks=_hooks(budget),
        orders=verdict_of(standing),
        waiting=_waiting(budget),
        pauses=effects.targets(budget),
        pauses_now=unfinished or any(s.acts_now and s.threshold.action == "pause" for s in steps),
    )


def _hooks(budget: Budget) -> list[str]:
    """Those of its project, or of the one that was chosen."""
    project_id = budget.project_id or budget.webhooks_of_id
    if project_id is None:
        return []
    rows = Webhook.objects.filter(project_id=project_id, disabled_at=None)
    urls = rows.filter(kinds__contains=["budget.actual"]).values_list("url", flat=True)
    return sorted({urlsplit(url).netloc for url in urls})


def _waiting(budget: Budget) -> int:
    rows = Order.objects.filter(
        organisation_id=budget.organisation_id, state=Order.State.AWAITING_APPROVAL
    )
    if budget.project_id is not None:
        rows = rows.filter(project_id=budget.project_id)
    return rows.count()
