"""Usage that became known after its month was closed: rated as if the month were open, compared
with what was billed, and the difference billed in a month that is open, exactly once.

Rating itself does it (`billing.rating.months.rate`), in tables of the same names that stand before
the real ones until the comparison: there is no second formula. What was billed is the month's own
lines and all corrections of it so far, so that to correct again changes nothing. What was issued
stays.

Source: shared design, billing 1.2 (close).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet

from billing.costs.credited import is_credited_whole
from billing.costs.posting import settle, take_month
from billing.metering.plantime import month_bounds
from billing.models import CostLine, RatedMonth
from billing.rating import months as rating
from portal.kernel import clock

logger = logging.getLogger(__name__)
_LIMIT = 200


@dataclass(frozen=True, slots=True)
class Corrected:
    """What a run did: closed months that were looked at, and lines that correct them."""

    months: int
    lines: int


def due() -> QuerySet[RatedMonth]:
    """Closed months of which usage became known since, longest waiting first."""
    rows = RatedMonth.objects.filter(due_since__isnull=False, closed_at__isnull=False)
    return rows.order_by("due_since")


def correct_due(*, limit: int = _LIMIT) -> Corrected:
    """Corrects what is due, each organisation's month in a transaction of its own."""
    months = lines = 0
    for organisation, month in list(due().values_list("organisation", "month")[:limit]):
        lines += correct(organisation, month)
        months += 1
    if months:
        logger.info("usage.corrected", extra={"months": months, "lines": lines})
    return Corrected(months, lines)


@transaction.atomic
def correct(organisation: int, month: date) -> int:
    """Brings what is billed of a closed month to what its usage costs. Returns how many lines that
    took: none when nothing changed, when it is not due, or when it would give back what was
    credited whole already.
    """
    closed = due().select_for_update().filter(organisation=organisation, month=month).first()
    if closed is None:
        return 0
    target = _open_month(organisation, month)
    before = net_of(organisation, target.month, month)
    try:
        with transaction.atomic():
            lines = _book(organisation, month, target.month)
            gives_back = net_of(organisation, target.month, month) < before
            if gives_back and is_credited_whole(organisation, month):
                raise _GivenBackAlready
    except _GivenBackAlready:
        logger.info("usage.correction_waived", extra={"month": str(month)})
        lines = 0
    if lines:
        settle(target, target.month, CostLine.Category.USAGE, lines=lines)
    closed.due_since, closed.rated_at = None, clock.now()
    closed.save(update_fields=["due_since", "rated_at"])
    return lines


class _GivenBackAlready(Exception):
    """Takes the lines of a correction back."""


def _open_month(organisation: int, month: date) -> RatedMonth:
    """The first month after it that still gets an invoice; else the one that runs. Locked."""
    today = clock.now().date().replace(day=1)
    later = RatedMonth.objects.filter(organisation=organisation, month__gt=month, month__lt=today)
    waiting = later.filter(closed_at__isnull=True, lines__gt=0).order_by("month").first()
    if waiting is not None:
        taken = take_month(organisation, waiting.month)
        if taken.closed_at is None:  # else it was issued meanwhile
            return taken
    return take_month(organisation, today)


def _book(organisation: int, month: date, booked: date) -> int:
    start, end = month_bounds(month)
    scope: dict[str, Any] = {
        "organisation": organisation,
        "month": start.date(),
        "end": end.date(),
        "booked": booked,
    }
    with connection.cursor() as cursor:
        cursor.execute(_STAND_IN)
        rating.rate(month, [organisation])
        cursor.execute(_STAND_BACK)
        cursor.execute(_ADD_DIFFERENCE, scope)
        lines = int(cursor.rowcount)
        cursor.execute("drop table rated_anew")
    return lines


def net_of(organisation: int, booked: date, month: date) -> Decimal:
    """What the month `booked` bills of the closed `month`, exact; negative when it gives back."""
    (start, end), (first, last) = month_bounds(month), month_bounds(booked)
    rows = CostLine.objects.filter(
        organisation=organisation,
        is_correction=True,
        category=CostLine.Category.USAGE,
        corrects_day__gte=start.date(),
        corrects_day__lt=end.date(),
        day__gte=first.date(),
        day__lt=last.date(),
    )
    return sum(rows.values_list("billed_cost", flat=True), Decimal(0))


# Temporary tables come first in the search for a name, and nobody else sees them.
_STAND_IN = """
create temporary table billing_ratedmonth (like billing_ratedmonth including all) on commit drop;
create temporary table billing_costline (like billing_costline including all) on commit drop;
create temporary table billing_costrollup (like billing_costrollup including all) on commit drop;
create temporary table billing_instancerollup (like billing_instancerollup including all)
on commit drop"""

_STAND_BACK = """
alter table pg_temp.billing_costline rename to rated_anew;
drop table pg_temp.billing_costrollup, pg_temp.billing_instancerollup;
drop table pg_temp.billing_ratedmonth"""

_ADD_DIFFERENCE = """
insert into billing_costline (organisation_id, project_id, instance_id, tag_set_id, price_id,
  commitment_id, offering, region, price_class, meter, day, corrects_day, category, is_correction,
  tier, unit, quantity, list_unit_price, contracted_unit_price, list_cost, contracted_cost,
  effective_cost, billed_cost, currency)
select organisation_id, project_id, instance_id, tag_set_id, price_id, commitment_id, offering,
  region, price_class, meter, %(booked)s, used_on, 'usage', true, tier, unit, sum(quantity),
  list_unit_price, contracted_unit_price, sum(list_cost), sum(contracted_cost),
  sum(effective_cost), sum(billed_cost), currency
from (
  select organisation_id, project_id, instance_id, tag_set_id, price_id, commitment_id, offering,
    region, price_class, meter, day as used_on, tier, unit, quantity, list_unit_price,
    contracted_unit_price, list_cost, contracted_cost, effective_cost, billed_cost, currency
  from rated_anew where category = 'usage'
  union all
  select organisation_id, project_id, instance_id, tag_set_id, price_id, commitment_id, offering,
    region, price_class, meter, coalesce(corrects_day, day), tier, unit, -quantity, list_unit_price,
    contracted_unit_price, -list_cost, -contracted_cost, -effective_cost, -billed_cost, currency
  from billing_costline
  where organisation_id = %(organisation)s and category = 'usage' and (
    not is_correction and day >= %(month)s and day < %(end)s
    or is_correction and corrects_day >= %(month)s and corrects_day < %(end)s)
) as compared
group by organisation_id, project_id, instance_id, tag_set_id, price_id, commitment_id, offering,
  region, price_class, meter, used_on, tier, unit, list_unit_price, contracted_unit_price, currency
having sum(quantity) <> 0 or sum(list_cost) <> 0 or sum(contracted_cost) <> 0
  or sum(effective_cost) <> 0 or sum(billed_cost) <> 0"""
