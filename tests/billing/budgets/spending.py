"""Budgets, what was spent, and what was told of it."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from billing.budgets import actions
from billing.budgets.rules import Threshold
from billing.metering.tagsets import TagSets
from billing.models import CostRollup
from portal.kernel.actor import SYSTEM
from portal.outbox.models import OutboxEntry
from services import registry
from services.instances.admission import Wanted
from services.instances.models import Operation

NOW = datetime(2026, 10, 21, 12, tzinfo=UTC)


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


def told(kind):
    return list(OutboxEntry.objects.filter(kind=kind).order_by("pk"))


def wanted(project, region, name="orders-db", **more):
    entry = registry.get("postgresql")
    return Wanted(project=project, region=region, entry=entry, name=name, **more)


def pauses():
    rows = Operation.objects.filter(kind="pause").order_by("instance__name")
    return list(rows.values_list("instance__name", flat=True))
