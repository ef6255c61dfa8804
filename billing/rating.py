"""Usage records → cost lines and their sums, set-based in the database, one organisation-month as a
whole.

Tiers count all that an organisation uses of a price class and meter in a calendar month, across
projects and across a change of price, in the order of day and instance. `volume` prices the whole
month at the tier that its sum falls into, so until the month is over it is an estimate. Free
allowances come off first. Rating again deletes and writes the same; what was issued is never
touched: the difference becomes corrections (`billing.corrections`, which runs this very rating).

Costs are exact to 18 decimals; nothing is rounded to cents here. `billing.tiers` says the same in
Python, and the tests hold one to the other.

Source: shared design, billing 1.2 and 1.4.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db import connection, transaction

from billing.meters import UNITS, base_units
from billing.models import RatedMonth
from billing.plantime import month_bounds
from portal.kernel import clock

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Rated:
    """What a run did: organisation-months, and lines that they have now."""

    months: int
    lines: int

    def __add__(self, other: Rated) -> Rated:
        return Rated(self.months + other.months, self.lines + other.lines)


def rate_due(*, limit: int = 500) -> Rated:
    """Rates what is due, oldest first, each month of the calendar in a transaction of its own."""
    total = Rated(0, 0)
    due = RatedMonth.objects.filter(due_since__isnull=False, closed_at=None).order_by("due_since")
    by_month: dict[date, list[int]] = {}
    for month, organisation in due.values_list("month", "organisation")[:limit]:
        by_month.setdefault(month, []).append(organisation)
    for month, organisations in by_month.items():
        total += rate(month, organisations)
    return total


@transaction.atomic
def rate(month: date, organisations: Sequence[int] | None = None) -> Rated:
    """Writes lines and sums of a calendar month anew, for some organisations or all that used
    something. What is closed stays as it is.
    """
    start, end = month_bounds(month)
    scope: dict[str, Any] = {
        "month": start.date(),
        "end": end.date(),
        "now": clock.now(),
        "organisations": None if organisations is None else list(organisations),
        "units": list(UNITS),
        "sizes": [base_units(unit, int((end - start).total_seconds())) for unit in UNITS],
    }
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, scope)
        taken = [row[0] for row in cursor.fetchall()]
        if not taken:
            return Rated(0, 0)
        scope["taken"] = taken
        for statement in (_DROP_LINES, _DROP_SUMS, _ADD_LINES):
            cursor.execute(statement, scope)
        lines = cursor.rowcount
        cursor.execute(_ADD_SUMS, scope)
        cursor.execute(_COUNT, scope)
    logger.info("usage.rated", extra={"months": len(taken), "lines": lines})
    return Rated(len(taken), lines)


# Whoever meters meanwhile waits here and finds the month due again.
_TAKE = """
insert into billing_ratedmonth as d (organisation_id, month, rated_at, lines)
select organisation_id, %(month)s::date, %(now)s::timestamptz, 0
from (
  select organisation_id from billing_usagerecord where day >= %(month)s and day < %(end)s
  union
  select organisation_id from billing_ratedmonth where month = %(month)s) as known
where %(organisations)s::bigint[] is null or organisation_id = any(%(organisations)s)
order by 1
on conflict (organisation_id, month) do update set due_since = null, rated_at = excluded.rated_at
where d.closed_at is null
returning organisation_id"""

_DROP_LINES = """
delete from billing_costline
where organisation_id = any(%(taken)s) and day >= %(month)s and day < %(end)s
  and category = 'usage' and not is_correction"""

_DROP_SUMS = """
delete from billing_costrollup
where organisation_id = any(%(taken)s) and day >= %(month)s and day < %(end)s
  and category = 'usage'"""

# `size` is how many base units a priced unit has; `free` and tiers are turned into base units.
_ADD_LINES = """
with u as materialized (
  select r.* from billing_usagerecord r
  where r.organisation_id = any(%(taken)s) and r.day >= %(month)s and r.day < %(end)s
), price as materialized (
  select p.id, p.price_class, p.meter, p.region, p.mode, p.unit, p.free_for, p.tiers, p.currency,
    p.category, s.size, p.free_quantity * s.size as free,
    (p.valid_from at time zone 'UTC')::date as from_day,
    (p.valid_to at time zone 'UTC')::date as to_day
  from billing_price p
  join unnest(%(units)s::text[], %(sizes)s::numeric[]) as s (unit, size) on s.unit = p.unit
  where p.book = 'list' and p.category <> 'committed'
), tier as materialized (
  select p.id as price_id, t.n::int as n, (t.tier->>'from')::numeric * p.size as lo,
    (t.tier->>'to')::numeric * p.size as hi, (t.tier->>'unit_price')::numeric(20, 9) as unit_price,
    coalesce((t.tier->>'flat')::numeric(20, 9), 0) as flat
  from price p, jsonb_array_elements(p.tiers) with ordinality as t (tier, n)
), chosen as materialized (
  select distinct on (k.price_class, k.meter, k.region, k.day) k.*, p.id as price_id
  from (select distinct price_class, meter, region, day from u) k
  join price p on p.price_class = k.price_class and p.meter = k.meter
    and p.region in ('', k.region) and p.from_day <= k.day
    and (p.to_day is null or k.day < p.to_day)
  order by k.price_class, k.meter, k.region, k.day,
    p.category = 'standard' desc, p.region <> '' desc
), kept as materialized (
  select instance_id, day, sum(quantity) as quantity
  from u where meter = 'storage_gib' and exists (select from price where free_for = 'own-storage')
  group by 1, 2
), counted as (
  select u.*, p.id as price_id, p.region as price_region, p.mode, p.unit, p.size, p.free,
    p.free_for, p.currency,
    case when p.free_for = '' or p.free_for = u.allowance then u.quantity else 0 end as eligible,
    least(u.quantity, coalesce(kept.quantity, 0)) as own
  from u
  join chosen c using (price_class, meter, region, day)
  join price p on p.id = c.price_id
  left join kept on p.free_for = 'own-storage' and kept.instance_id = u.instance_id
    and kept.day = u.day
), placed as (
  select c.*,
    sum(quantity) over upto as reached,
    sum(eligible) over upto as eligible_reached,
    sum(quantity) over (
      partition by organisation_id, price_class, meter, price_region) as whole
  from counted c
  window upto as (
    partition by organisation_id, price_class, meter, price_region
    order by day, instance_id, id rows unbounded preceding)
), freed as (
  select p.*,
    case free_for
      when 'own-storage' then own
      when 'dev-vm' then case when allowance = 'dev-vm' then least(quantity, 86400) else 0 end
      else least(eligible_reached, free) - least(eligible_reached - eligible, free)
    end as free_part
  from placed p
), billed as (
  select f.*, quantity - free_part as paid, reached - quantity + free_part as low,
    sum(quantity - free_part) over (
      partition by organisation_id, price_class, meter, price_region
      order by day, instance_id, id rows unbounded preceding) as paid_reached
  from freed f
), parts as (
  select b.*, t.n, t.unit_price, t.flat,
    case mode
      when 'graduated' then least(reached, coalesce(t.hi, reached)) - greatest(low, t.lo)
      when 'package' then
        (ceil(paid_reached / size) - ceil((paid_reached - paid) / size)) * size
      else paid
    end as part
  from billed b
  join tier t on t.price_id = b.price_id and case mode
    when 'graduated' then low < coalesce(t.hi, reached) and reached > t.lo
    when 'volume' then whole > t.lo and (t.hi is null or whole <= t.hi)
    else t.n = 1 end
  where paid > 0
), lines as (
  select organisation_id, project_id, instance_id, tag_set_id, price_id, offering, region,
    price_class, meter, day, n as tier, unit, part as quantity, unit_price as list_unit_price,
    unit_price, round(part * unit_price / size, 18) as list_cost,
    round(part * unit_price / size, 18) as cost, currency
  from parts where part > 0
  union all
  select organisation_id, project_id, instance_id, tag_set_id, b.price_id, offering, region,
    price_class, meter, day, 0, unit, free_part, t.unit_price, 0,
    round(free_part * t.unit_price / size, 18), 0, currency
  from billed b join tier t on t.price_id = b.price_id and t.n = 1
  where free_part > 0
  union all
  select organisation_id, project_id, instance_id, tag_set_id, price_id, offering, region,
    price_class, meter, day, n, 'one', 1, flat, flat, flat, flat, currency
  from (
    select p.*, row_number() over (
      partition by organisation_id, price_class, meter, price_region, price_id, n
      order by day, instance_id, id) as entry
    from parts p where part > 0 and flat > 0) f
  where entry = 1
)
insert into billing_costline (organisation_id, project_id, instance_id, tag_set_id, price_id,
  offering, region, price_class, meter, day, category, is_correction, tier, unit, quantity,
  list_unit_price, contracted_unit_price, list_cost, contracted_cost, effective_cost, billed_cost,
  currency)
select organisation_id, project_id, instance_id, tag_set_id, price_id, offering, region,
  price_class, meter, day, 'usage', false, tier, unit, quantity, list_unit_price, unit_price,
  list_cost, cost, cost, cost, currency
from lines"""

_ADD_SUMS = """
insert into billing_costrollup (organisation_id, project_id, tag_set_id, offering, region, category,
  day, list_cost, contracted_cost, effective_cost, billed_cost, currency)
select organisation_id, project_id, tag_set_id, offering, region, category, day, sum(list_cost),
  sum(contracted_cost), sum(effective_cost), sum(billed_cost), currency
from billing_costline
where organisation_id = any(%(taken)s) and day >= %(month)s and day < %(end)s
  and category = 'usage'
group by organisation_id, project_id, tag_set_id, offering, region, category, day, currency"""

_COUNT = """
update billing_ratedmonth d set lines = coalesce(c.lines, 0)
from unnest(%(taken)s::bigint[]) as t (organisation_id)
left join (
  select organisation_id, count(*) as lines from billing_costline
  where organisation_id = any(%(taken)s) and day >= %(month)s and day < %(end)s group by 1
) c using (organisation_id)
where d.organisation_id = t.organisation_id and d.month = %(month)s"""
