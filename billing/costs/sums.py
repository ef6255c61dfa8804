"""Sums of cost lines by instance: of whole months they are kept, of other days added up when they
are asked for. And the proof that all sums that are kept are those of their lines.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import reduce
from operator import or_
from typing import Any

from django.db import connection
from django.db.models import Q, QuerySet

from billing.metering.plantime import month_bounds
from billing.models import CostLine, InstanceRollup
from services.instances.models import Instance

logger = logging.getLogger(__name__)

RECENT = timedelta(days=62)
Span = tuple[date, date]


@dataclass(frozen=True, slots=True)
class Unequal:
    """An organisation's month of which the sums in `table` are not those of its lines."""

    organisation: str
    month: date
    table: str


def by_instance(
    spans: Sequence[Span], by_month: bool, instances: Collection[str] = ()
) -> list[QuerySet[Any]]:
    """What says of the days of `spans`, each [first, end), which instance cost what, of all
    organisations: the sums of months that they have as a whole, and the lines of the days that are
    left. By the day (not `by_month`) the lines alone. Only of `instances`, where some are named by
    their public ids; "" is what belongs to none. No query is run.
    """
    months, days = [], []
    for span in spans:
        whole, rest = whole_months(*span) if by_month else ([], [span])
        months += whole
        days += rest
    found: list[QuerySet[Any]] = []
    if months:
        found.append(InstanceRollup.objects.filter(day__in=months))
    if days:
        # A few services are found day by day in the index; all of them, span by span.
        spanned = (
            Q(day__in=_days_of(span)) if instances else Q(day__gte=span[0], day__lt=span[1])
            for span in days
        )
        found.append(CostLine.objects.filter(reduce(or_, spanned)))
    if not instances:
        return found
    whose = Q(instance__in=Instance.objects.filter(public_id__in=instances).values("pk"))
    if "" in instances:
        whose |= Q(instance__isnull=True)
    return [rows.filter(whose) for rows in found]


def whole_months(first: date, end: date) -> tuple[list[date], list[Span]]:
    """The first days of all months that lie in [`first`, `end`), and the spans that are left."""
    begin = first if first.day == 1 else _following(first)
    until = end.replace(day=1)
    if begin >= until:
        return [], [(first, end)]
    months = [begin]
    while (following := _following(months[-1])) < until:
        months.append(following)
    return months, [span for span in ((first, begin), (until, end)) if span[0] < span[1]]


def unequal(since: date) -> list[Unequal]:
    """Where sums that are kept are not those of the lines, from the month of `since` on; empty when
    all are. It reads every line since. Whoever writes lines meanwhile does no harm: all is read at
    one moment.
    """
    with connection.cursor() as cursor:
        cursor.execute(_UNEQUAL, {"since": since.replace(day=1)})
        found = [Unequal(*row) for row in cursor.fetchall()]
    for one in found:
        about = {"organisation": one.organisation, "month": f"{one.month:%Y-%m}"}
        logger.error("costs.sums_differ", extra={**about, "table": one.table})
    return found


def _following(day: date) -> date:
    return month_bounds(day)[1].date()


def _days_of(span: Span) -> list[date]:
    return [span[0] + timedelta(days=n) for n in range((span[1] - span[0]).days)]


# Lines and the sums that should be theirs, with their signs turned: together they are nothing.
_UNEQUAL = """
select o.slug, f.month, f.kept
from (
  select organisation_id, date_trunc('month', day)::date as month, 'billing_costrollup' as kept
  from (
    select organisation_id, project_id, tag_set_id, offering, region, category, day, currency,
      list_cost, contracted_cost, effective_cost, billed_cost
    from billing_costline where day >= %(since)s
    union all
    select organisation_id, project_id, tag_set_id, offering, region, category, day, currency,
      -list_cost, -contracted_cost, -effective_cost, -billed_cost
    from billing_costrollup where day >= %(since)s) as compared
  group by organisation_id, project_id, tag_set_id, offering, region, category, day, currency
  having sum(list_cost) <> 0 or sum(contracted_cost) <> 0 or sum(effective_cost) <> 0
    or sum(billed_cost) <> 0
  union
  select organisation_id, month, 'billing_instancerollup'
  from (
    select organisation_id, project_id, tag_set_id, instance_id, offering, region, category,
      is_correction, date_trunc('month', day)::date as month, currency, list_cost,
      contracted_cost, effective_cost, billed_cost
    from billing_costline where day >= %(since)s
    union all
    select organisation_id, project_id, tag_set_id, instance_id, offering, region, category,
      is_correction, day, currency, -list_cost, -contracted_cost, -effective_cost, -billed_cost
    from billing_instancerollup where day >= %(since)s) as compared
  group by organisation_id, project_id, tag_set_id, instance_id, offering, region, category,
    is_correction, month, currency
  having sum(list_cost) <> 0 or sum(contracted_cost) <> 0 or sum(effective_cost) <> 0
    or sum(billed_cost) <> 0) as f
join tenancy_organisation o on o.id = f.organisation_id
order by 1, 2, 3"""
