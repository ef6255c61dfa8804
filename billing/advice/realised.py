"""What a change saved indeed, from cost lines: the month after it against the month before it.

The costs of the service's days are taken as effective (commitments spread over their term), for 30
days each, or for as many before as it lived, and told for a month of 730 hours, as the promise is.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from django.db.models import Sum

from billing.einvoice.document import rounded
from billing.models import CostLine, Recommendation

if TYPE_CHECKING:
    from services.instances.models import Instance

SPAN = timedelta(days=30)
_RATED = timedelta(days=1)  # the last day is worked out within the next one
_MONTH_DAYS = Decimal(730) / 24


def compare(now: datetime) -> int:
    """All that were applied long enough ago; how many."""
    due = Recommendation.objects.filter(
        status=Recommendation.Status.APPLIED,
        realised_at__isnull=True,
        instance__isnull=False,
        closed_at__lte=now - SPAN - timedelta(days=1) - _RATED,
    ).select_related("instance__project")
    rows = list(due)
    for row in rows:
        if row.instance is None or row.closed_at is None:
            continue
        row.realised_month = realised(row.instance, row.closed_at.date())
        row.realised_at = now
        row.save(update_fields=["realised_month", "realised_at"])
    return len(rows)


def realised(instance: Instance, changed: date) -> Decimal | None:
    """In whole cents a month; the day of the change counts to neither side. None where the service
    began on that day.
    """
    born = instance.created_at.date() + timedelta(days=1)
    first = max(changed - SPAN, min(born, changed))
    days_before = (changed - first).days
    if not days_before:
        return None
    after = changed + timedelta(days=1)
    before = _cost(instance, first, changed) / days_before
    now = _cost(instance, after, after + SPAN) / SPAN.days
    return rounded((before - now) * _MONTH_DAYS)


def _cost(instance: Instance, first: date, end: date) -> Decimal:
    lines = CostLine.objects.filter(
        organisation=instance.project.organisation_id,
        instance=instance,
        day__gte=first,
        day__lt=end,
        category=CostLine.Category.USAGE,
    )
    return lines.aggregate(sum=Sum("effective_cost"))["sum"] or Decimal(0)
