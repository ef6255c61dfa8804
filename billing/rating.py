"""Usage records → cost lines and their sums, set-based in the database, one organisation-month as a
whole.

Tiers count all that an organisation uses of a price class and meter in a calendar month, across
projects and across a change of price, in the order of day and instance. `volume` prices the whole
month at the tier that its sum falls into, so until the month is over it is an estimate. What
commitments cover comes off first (`billing.covering`), then free allowances. Rating again deletes
and writes the same; what was issued is never touched: the difference becomes corrections
(`billing.corrections`, which runs this very rating).

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

from billing import covering
from billing.meters import UNITS, base_units
from billing.models import RatedMonth
from billing.plantime import month_bounds
from portal.kernel import clock

logger = logging.getLogger(__name__)

_WORK_MEMORY = "256MB"  # most of what is sorted then fits; the server's own setting is for pages


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
        "today": clock.now().date(),
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
        cursor.execute("set local work_mem = %s", [_WORK_MEMORY])
        for statement in (_DROP_LINES, _DROP_SUMS):
            cursor.execute(statement, scope)
        covers = covering.cover(cursor, scope)
        usage = covering.LEFT_USAGE if covers else "billing_usagerecord"
        cursor.execute(_ADD_LINES.replace("_USAGE_", usage), scope)
        lines = cursor.rowcount
        cursor.execute(_ANY_FEE)
        if cursor.fetchone()[0]:
            cursor.execute(_ADD_FEES, scope)
            lines += cursor.rowcount
        if covers:
            lines += covering.add_lines(cursor, scope)
        cursor.execute(_ADD_SUMS, scope)
    logger.info("usage.rated", extra={"months": len(taken), "lines": lines})
    return Rated(len(taken), lines)


# Whoever meters meanwhile waits here and finds the month due again.
_TAKE = """
insert into billing_ratedmonth as d (organisation_id, month, rated_at, lines)
select organisation_id, %(month)s::date, %(now)s::timestamptz, 0
from (
  select organisation_id from billing_usagerecord where day >= %(month)s and day < %(end)s
  union
  select organisation_id from billing_ratedmonth where month = %(month)s
  union
  select organisation_id from billing_commitment
  where start < %(end)s and "end" > %(month)s and start <= %(today)s) as known
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

# `size` is how many base units a priced unit has; `free` and tiers are turned into base units; tier
# 0 is the free part. What is priced flat or by the whole month needs no order, so it is not sorted.
_ADD_LINES = """
with u as materialized (
  select id, organisation_id, project_id, instance_id, tag_set_id, offering, region, price_class,
    meter, allowance, day, quantity
  from _USAGE_ r
  where r.organisation_id = any(%(taken)s) and r.day >= %(month)s and r.day < %(end)s
), price as materialized (
  select p.id, p.price_class, p.meter, p.region, p.mode, p.unit, p.free_for, p.tiers, p.currency,
    p.category, s.size, p.free_quantity * s.size as free,
    (p.valid_from at time zone 'UTC')::date as from_day,
    (p.valid_to at time zone 'UTC')::date as to_day,
    p.mode in ('flat', 'volume') and p.free_quantity = 0 and p.free_for = '' as unordered
  from billing_price p
  join unnest(%(units)s::text[], %(sizes)s::numeric[]) as s (unit, size) on s.unit = p.unit
  where p.book = 'list' and p.category <> 'committed'
), tier as materialized (
  select p.id as price_id, t.n::int as n, (t.tier->>'from')::numeric * p.size as lo,
    (t.tier->>'to')::numeric * p.size as hi, (t.tier->>'unit_price')::numeric(20, 9) as unit_price
  from price p, jsonb_array_elements(p.tiers) with ordinality as t (tier, n)
  union all
  select p.id, 0, null, null, (p.tiers->0->>'unit_price')::numeric(20, 9)
  from price p where not p.unordered
), chosen as materialized (
  select distinct on (k.price_class, k.meter, k.region, k.day) k.*, p.id as price_id,
    p.region as price_region, p.mode, p.unit, p.size, p.free, p.free_for, p.currency, p.unordered
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
), wholes as materialized (
  select u.organisation_id, u.price_class, u.meter, c.price_region, sum(u.quantity) as whole
  from u join chosen c using (price_class, meter, region, day)
  where c.mode = 'volume' group by 1, 2, 3, 4
), at_once as (
  select u.*, c.price_id, c.unit, c.size, c.currency, t.n, t.unit_price
  from u
  join chosen c using (price_class, meter, region, day)
  join tier t on t.price_id = c.price_id and t.n = 1
  where c.unordered and c.mode = 'flat' and u.quantity > 0
  union all
  select u.*, v.price_id, v.unit, v.size, v.currency, v.n, v.unit_price
  from u
  join (
    select w.organisation_id, c.*, t.n, t.unit_price
    from chosen c
    join wholes w on w.price_class = c.price_class and w.meter = c.meter
      and w.price_region = c.price_region
    join tier t on t.price_id = c.price_id and t.n > 0 and w.whole > t.lo
      and (t.hi is null or w.whole <= t.hi)
    where c.unordered and c.mode = 'volume'
  ) v using (organisation_id, price_class, meter, region, day)
  where u.quantity > 0
), counted as (
  select u.*, c.price_id, c.price_region, c.mode, c.unit, c.size, c.free, c.free_for, c.currency,
    case c.free_for
      when 'own-storage' then least(u.quantity, coalesce(kept.quantity, 0))
      when 'dev-vm' then case when u.allowance = 'dev-vm' then least(u.quantity, 86400) else 0 end
      when '' then case when c.free > 0 then u.quantity else 0 end
      when u.allowance then u.quantity
      else 0
    end as draws
  from u
  join chosen c using (price_class, meter, region, day)
  left join kept on c.free_for = 'own-storage' and kept.instance_id = u.instance_id
    and kept.day = u.day
  where not c.unordered
), placed as (
  select c.*, sum(quantity) over upto as reached, sum(draws) over upto as drawn
  from counted c
  window upto as (
    partition by organisation_id, price_class, meter, price_region
    order by day, instance_id, id rows unbounded preceding)
), freed as (
  select p.*,
    case when free_for in ('own-storage', 'dev-vm') then draws
      else least(drawn, free) - least(drawn - draws, free) end as free_part,
    case when free_for in ('own-storage', 'dev-vm') then drawn
      else least(drawn, free) end as free_reached
  from placed p
  offset 0  -- or each use would work these out again
), parts as (
  select f.*, t.n, t.unit_price,
    case
      when t.n = 0 then free_part
      when mode = 'graduated' then
        least(reached, coalesce(t.hi, reached)) - greatest(reached - quantity + free_part, t.lo)
      when mode = 'package' then (
        ceil((reached - free_reached) / size)
        - ceil((reached - free_reached - quantity + free_part) / size)) * size
      else quantity - free_part
    end as part
  from freed f
  join tier t on t.price_id = f.price_id and case
    when t.n = 0 then free_part > 0
    when quantity <= free_part then false
    when mode = 'graduated' then
      reached - quantity + free_part < coalesce(t.hi, reached) and reached > t.lo
    when mode = 'volume' then exists (
      select from wholes w
      where w.organisation_id = f.organisation_id and w.price_class = f.price_class
        and w.meter = f.meter and w.price_region = f.price_region
        and w.whole > t.lo and (t.hi is null or w.whole <= t.hi))
    else t.n = 1
  end
), lines as (
  select organisation_id, project_id, instance_id, tag_set_id, price_id, offering, region,
    price_class, meter, day, n as tier, unit, part as quantity, unit_price as list_unit_price,
    round(part * unit_price / size, 18) as list_cost, currency
  from parts where part > 0
  union all
  select organisation_id, project_id, instance_id, tag_set_id, price_id, offering, region,
    price_class, meter, day, n, unit, quantity, unit_price,
    round(quantity * unit_price / size, 18), currency
  from at_once
)
insert into billing_costline (organisation_id, project_id, instance_id, tag_set_id, price_id,
  offering, region, price_class, meter, day, category, is_correction, tier, unit, quantity,
  list_unit_price, contracted_unit_price, list_cost, contracted_cost, effective_cost, billed_cost,
  currency)
select organisation_id, project_id, instance_id, tag_set_id, price_id, offering, region,
  price_class, meter, day, 'usage', false, tier, unit, quantity, list_unit_price,
  case when tier > 0 then list_unit_price else 0 end, list_cost, cost, cost, cost, currency
from lines, lateral (select case when tier > 0 then list_cost else 0 end as cost) as billed"""

# A fee of a tier is charged once, where the tier is reached.
_ANY_FEE = """
select exists (
  select from billing_price p, jsonb_array_elements(p.tiers) as t (tier)
  where p.book = 'list' and (t.tier->>'flat')::numeric > 0)"""

_ADD_FEES = """
insert into billing_costline (organisation_id, project_id, instance_id, tag_set_id, price_id,
  offering, region, price_class, meter, day, category, is_correction, tier, unit, quantity,
  list_unit_price, contracted_unit_price, list_cost, contracted_cost, effective_cost, billed_cost,
  currency)
select organisation_id, project_id, instance_id, tag_set_id, price_id, offering, region,
  price_class, meter, day, 'usage', false, tier, 'one', 1, fee, fee, fee, fee, fee, fee, currency
from (
  select distinct on (c.organisation_id, c.price_id, c.tier) c.*, t.fee
  from (
    select p.id, e.n, (e.tier->>'flat')::numeric(20, 9) as fee
    from billing_price p, jsonb_array_elements(p.tiers) with ordinality as e (tier, n)
    where (e.tier->>'flat')::numeric > 0) t
  join billing_costline c on c.price_id = t.id and c.tier = t.n
  where c.organisation_id = any(%(taken)s) and c.day >= %(month)s and c.day < %(end)s
    and c.category = 'usage' and not c.is_correction
  order by c.organisation_id, c.price_id, c.tier, c.day, c.instance_id, c.id) as reached"""

# Sums of what was posted are kept by `billing.posting`; its lines are counted, too.
_ADD_SUMS = """
with sums as (
  select organisation_id, project_id, tag_set_id, offering, region, category, day,
    sum(list_cost) as list_cost, sum(contracted_cost) as contracted_cost,
    sum(effective_cost) as effective_cost, sum(billed_cost) as billed_cost, currency,
    count(*) as lines
  from billing_costline
  where organisation_id = any(%(taken)s) and day >= %(month)s and day < %(end)s
  group by organisation_id, project_id, tag_set_id, offering, region, category, day, currency
), put as (
  insert into billing_costrollup (organisation_id, project_id, tag_set_id, offering, region,
    category, day, list_cost, contracted_cost, effective_cost, billed_cost, currency)
  select organisation_id, project_id, tag_set_id, offering, region, category, day, list_cost,
    contracted_cost, effective_cost, billed_cost, currency
  from sums where category = 'usage'
)
update billing_ratedmonth d set lines = coalesce(c.lines, 0)
from unnest(%(taken)s::bigint[]) as t (organisation_id)
left join (select organisation_id, sum(lines) as lines from sums group by 1) c
  using (organisation_id)
where d.organisation_id = t.organisation_id and d.month = %(month)s"""
