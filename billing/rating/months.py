"""Usage records → cost lines and their sums, set-based in the database, one organisation-month as a
whole.

Tiers count all that an organisation uses of a price class and meter in a calendar month, across
projects and across a change of price, in the order of day and instance. `volume` prices the whole
month at the tier that its sum falls into, so until the month is over it is an estimate. What
commitments cover comes off first (`billing.rating.covering`), then free allowances. What ran on
spare capacity has prices of its own (`billing.spot.rating`). Rating again deletes
and writes the same; what was issued is never touched: the difference becomes corrections
(`billing.costs.corrections`, which runs this very rating).

Costs are exact to 18 decimals; nothing is rounded to cents here. `billing.pricebook.tiers` says the
same in Python, and the tests hold one to the other.

Source: shared design, billing 1.2 and 1.4.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db import connection, transaction

from billing.metering.plantime import month_bounds
from billing.models import RatedMonth
from billing.pricebook.meters import UNITS, base_units
from billing.rating import covering
from billing.spot import rating as spot
from portal.kernel import clock

logger = logging.getLogger(__name__)

# Most of what is sorted then fits; the server's own setting is for pages. What a month has is not
# known before it is rated the first time, and row by row a join of all of it takes for ever.
_SET = "set local work_mem = '256MB'; set local enable_nestloop = off"
_SET_BACK = "set local work_mem to default; set local enable_nestloop to default"
# Records that are rated together: what is sorted and added up of them then fits, and what is
# written falls into pages of an index that are at hand. So ten times as many take ten times as
# long, and no transaction is longer than it takes to rate these.
_AT_A_TIME = 1_000_000


@dataclass(frozen=True, slots=True)
class Rated:
    """What a run did: organisation-months, and lines that they have now."""

    months: int
    lines: int

    def __add__(self, other: Rated) -> Rated:
        return Rated(self.months + other.months, self.lines + other.lines)


def rate_due(*, limit: int = 500) -> Rated:
    """Rates what is due, oldest first, each month of the calendar by itself."""
    total = Rated(0, 0)
    due = RatedMonth.objects.filter(due_since__isnull=False, closed_at=None).order_by("due_since")
    by_month: dict[date, list[int]] = {}
    for month, organisation in due.values_list("month", "organisation")[:limit]:
        by_month.setdefault(month, []).append(organisation)
    for month, organisations in by_month.items():
        total += rate(month, organisations)
    return total


def rate(month: date, organisations: Sequence[int] | None = None) -> Rated:
    """Writes lines and sums of a calendar month anew, for some organisations or all that used
    something; so many in a transaction as fit into memory. What is closed stays as it is.
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
    total = Rated(0, 0)
    for share in _shares(scope):
        total += _rate_share({**scope, "share": share})
    if total.months:
        logger.info("usage.rated", extra={"months": total.months, "lines": total.lines})
    return total


def _shares(scope: dict[str, Any]) -> Iterator[list[int]]:
    """Whom to rate, `_AT_A_TIME` records together; who has more is rated alone."""
    with connection.cursor() as cursor:
        cursor.execute(_KNOWN, scope)
        known = cursor.fetchall()
    share: list[int] = []
    together = 0
    for organisation, records in known:
        if share and together + records > _AT_A_TIME:
            yield share
            share, together = [], 0
        share.append(organisation)
        together += records
    if share:
        yield share


@transaction.atomic
def _rate_share(scope: dict[str, Any]) -> Rated:
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, scope)
        taken = [row[0] for row in cursor.fetchall()]
        if not taken:
            return Rated(0, 0)
        scope["taken"] = taken
        cursor.execute(_SET)
        for statement in (_DROP_LINES, _DROP_SUMS, _DROP_SUMS_BY_INSTANCE):
            cursor.execute(statement, scope)
        covers = covering.cover(cursor, scope)
        usage = covering.LEFT_USAGE if covers else "billing_usagerecord"
        cursor.execute(_ADD_LINES.replace("_USAGE_", usage), scope)
        lines = cursor.rowcount
        cursor.execute(_ANY_FEE)
        if cursor.fetchone()[0]:
            cursor.execute(_ADD_FEES, scope)
            lines += cursor.rowcount
        cursor.execute(spot.ANY, scope)
        if cursor.fetchone()[0]:
            cursor.execute(spot.ADD_LINES, scope)
            lines += cursor.rowcount
        if covers:
            lines += covering.add_lines(cursor, scope)
        cursor.execute(_ADD_SUMS, scope)
        cursor.execute(_SET_BACK)
    return Rated(len(taken), lines)


_KNOWN = """
select organisation_id, sum(records)::bigint
from (
  select organisation_id, count(*) as records from billing_usagerecord
  where day >= %(month)s and day < %(end)s group by 1
  union all
  select organisation_id, 0 from billing_ratedmonth where month = %(month)s
  union all
  select organisation_id, 0 from billing_commitment
  where start < %(end)s and "end" > %(month)s and start <= %(today)s) as known
where %(organisations)s::bigint[] is null or organisation_id = any(%(organisations)s)
group by 1
order by 1"""

# Whoever meters meanwhile waits here and finds the month due again.
_TAKE = """
insert into billing_ratedmonth as d (organisation_id, month, rated_at, lines)
select organisation_id, %(month)s::date, %(now)s::timestamptz, 0
from unnest(%(share)s::bigint[]) as t (organisation_id)
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

_DROP_SUMS_BY_INSTANCE = _DROP_SUMS.replace("billing_costrollup", "billing_instancerollup")

# `size` is how many base units a priced unit has; `free` and tiers are turned into base units; tier
# 0 is the free part. A `period` is as long as the same prices hold, so that a price is chosen once
# for it, a `region` and a meter and not for each record: '' stands for all regions but those that
# are `named`. A `pool` is what tiers count together, a `step` what one tier of a chosen price says.
# What is priced flat or by the whole month needs no order, so it is not sorted. `u` has what is
# sorted by first, and texts of the price are added last: a row as narrow as can be is carried.
# Each `offset 0` keeps what stands before it from being worked out anew for every use of it.
_ADD_LINES = """
with price as materialized (
  select p.id, p.price_class, p.meter, p.region, p.mode, p.unit, p.free_for, p.tiers, p.currency,
    p.category, s.size, p.free_quantity * s.size as free, d.first, d.until,
    p.mode in ('flat', 'volume') and p.free_quantity = 0 and p.free_for = '' as unordered
  from billing_price p
  join unnest(%(units)s::text[], %(sizes)s::numeric[]) as s (unit, size) on s.unit = p.unit
  cross join lateral (
    select greatest((p.valid_from at time zone 'UTC')::date, %(month)s) as first,
      least((p.valid_to at time zone 'UTC')::date, %(end)s) as until) as d
  where p.book = 'list' and p.category <> 'committed' and d.first < d.until
), period as (
  select price_class, meter, first,
    lead(first) over (partition by price_class, meter order by first) as until
  from (select price_class, meter, first from price
    union select price_class, meter, until from price) as e
), region as (
  select price_class, meter, region,
    array_remove(array_agg(region) over (partition by price_class, meter), '') as named
  from (select price_class, meter, region from price
    union select price_class, meter, '' from price) as r
), chosen as materialized (
  select c.*, row_number() over () as no,
    dense_rank() over (order by price_class, meter, price_region) as pool
  from (
    select distinct on (k.price_class, k.meter, k.first, r.region) k.price_class, k.meter, k.first,
      k.until, r.region, r.named, p.id as price_id, p.region as price_region, p.mode, p.unit,
      p.currency, p.size, p.free, p.free_for, p.unordered
    from period k
    join region r using (price_class, meter)
    join price p on p.price_class = k.price_class and p.meter = k.meter
      and p.region in ('', r.region) and p.first <= k.first and k.first < p.until
    order by k.price_class, k.meter, k.first, r.region,
      p.category = 'standard' desc, p.region <> '' desc) as c
), tier as (
  select p.id as price_id, t.n::smallint as n, b.lo, b.hi,
    (t.tier->>'unit_price')::numeric(20, 9) as unit_price
  from price p
  cross join jsonb_array_elements(p.tiers) with ordinality as t (tier, n)
  cross join lateral (
    select (t.tier->>'from')::numeric * p.size as lo,
      coalesce((t.tier->>'to')::numeric * p.size, 'infinity') as hi
    where p.mode in ('graduated', 'volume')
    union all
    select '-infinity', 'infinity' where p.mode not in ('graduated', 'volume') and t.n = 1) as b
  union all
  select p.id, 0, null, null, (p.tiers->0->>'unit_price')::numeric(20, 9)
  from price p where p.free > 0 or p.free_for <> ''
), step as materialized (
  select c.no, c.pool, c.unordered, c.mode, c.price_class, c.meter, c.price_id, c.unit, c.size,
    c.currency, t.n, t.lo, t.hi, t.unit_price,
    (case when t.n > 0 then t.unit_price else 0 end)::numeric(20, 9) as contracted_unit_price
  from chosen c join tier t using (price_id)
), u as materialized (
  select r.organisation_id, r.instance_id, r.id, r.project_id, r.tag_set_id, c.no, c.pool, r.day,
    r.quantity, r.offering, r.region, r.allowance
  from _USAGE_ r
  join chosen c on c.price_class = r.price_class and c.meter = r.meter
    and r.day >= c.first and r.day < c.until
    and c.region in ('', r.region) and (c.region <> '' or r.region <> all(c.named))
  where r.organisation_id = any(%(taken)s) and r.day >= %(month)s and r.day < %(end)s
    and r.quantity > 0 and r.spot_factor is null
), kept as materialized (
  select u.instance_id, u.day, sum(u.quantity) as quantity
  from u join chosen c using (no)
  where c.meter = 'storage_gib' and exists (select from price where free_for = 'own-storage')
  group by 1, 2
), wholes as materialized (
  select u.organisation_id, u.pool, sum(u.quantity) as whole
  from u join chosen c using (no) where c.mode = 'volume' group by 1, 2
), of_whole as materialized (
  select w.organisation_id, s.*
  from wholes w join step s on s.pool = w.pool and w.whole > s.lo and w.whole <= s.hi
  where s.unordered and s.mode = 'volume'
), counted as (
  select u.*, c.free, c.free_for,
    case c.free_for
      when 'own-storage' then least(u.quantity, coalesce(kept.quantity, 0))
      when 'dev-vm' then case when u.allowance = 'dev-vm' then least(u.quantity, 86400) else 0 end
      when '' then null  -- all of it, so that it need not be added up a second time
      when u.allowance then u.quantity
      else 0
    end as draws
  from u
  join chosen c using (no)
  left join kept on c.free_for = 'own-storage' and kept.instance_id = u.instance_id
    and kept.day = u.day
  where not c.unordered
), placed as (
  select c.*, sum(quantity) over upto as reached, sum(draws) over upto as drawn
  from counted c
  window upto as (
    partition by organisation_id, pool order by day, instance_id, id rows unbounded preceding)
), freed as (
  select p.*,
    case
      when free_for in ('own-storage', 'dev-vm') then draws
      when free_for <> '' then least(drawn, free) - least(drawn - draws, free)
      when free > 0 then least(reached, free) - least(reached - quantity, free)
      else 0
    end as free_part,
    case
      when free_for in ('own-storage', 'dev-vm') then drawn
      when free_for <> '' then least(drawn, free)
      else least(reached, free)
    end as free_reached
  from placed p
  offset 0
), paid as (
  select f.*, reached - quantity + free_part as low from freed f
  offset 0
), parts as (
  select p.*, s.mode, s.price_class, s.meter, s.price_id, s.unit, s.size, s.currency, s.n,
    s.unit_price, s.contracted_unit_price,
    case
      when s.n = 0 then free_part
      when s.mode = 'package' then (
        ceil((reached - free_reached) / s.size) - ceil((low - free_reached) / s.size)) * s.size
      when s.mode = 'volume' then reached - low
      else least(reached, s.hi) - greatest(low, s.lo)
    end as part
  from paid p
  join step s on s.no = p.no and case
    when s.n = 0 then free_part > 0
    when s.mode = 'volume' then low < reached and exists (
      select from wholes w
      where w.organisation_id = p.organisation_id and w.pool = p.pool
        and w.whole > s.lo and w.whole <= s.hi)
    else reached > s.lo and low < s.hi
  end
  offset 0
), lines as (
  select organisation_id, project_id, instance_id, tag_set_id, price_id, offering, region,
    price_class, meter, day, n, unit, part::numeric(24, 9) as quantity, unit_price,
    contracted_unit_price, (part * unit_price / size)::numeric(38, 18) as list_cost, currency
  from parts where part > 0
  union all
  select u.organisation_id, u.project_id, u.instance_id, u.tag_set_id, s.price_id, u.offering,
    u.region, s.price_class, s.meter, u.day, s.n, s.unit, u.quantity, s.unit_price,
    s.contracted_unit_price, (u.quantity * s.unit_price / s.size)::numeric(38, 18), s.currency
  from u join step s using (no)
  where s.unordered and s.mode = 'flat'
  union all
  select u.organisation_id, u.project_id, u.instance_id, u.tag_set_id, s.price_id, u.offering,
    u.region, s.price_class, s.meter, u.day, s.n, s.unit, u.quantity, s.unit_price,
    s.contracted_unit_price, (u.quantity * s.unit_price / s.size)::numeric(38, 18), s.currency
  from u join of_whole s using (organisation_id, no)
)
insert into billing_costline (organisation_id, project_id, instance_id, tag_set_id, price_id,
  offering, region, price_class, meter, day, category, is_correction, tier, unit, quantity,
  list_unit_price, contracted_unit_price, list_cost, contracted_cost, effective_cost, billed_cost,
  currency)
select organisation_id, project_id, instance_id, tag_set_id, price_id, offering, region,
  price_class, meter, day, 'usage', false, n, unit, quantity, unit_price, contracted_unit_price,
  list_cost, cost, cost, cost, currency
from lines
cross join lateral (
  select case when n > 0 then list_cost else 0::numeric(38, 18) end as cost) as billed"""

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

# Sums of what was posted are kept by `billing.costs.posting`; its lines are counted, too. Lines are
# read
# once for both kinds of sums: `of_instance` tells one from the other.
_ADD_SUMS = """
with sums as materialized (
  select organisation_id, project_id, tag_set_id, instance_id, offering, region, category,
    is_correction, day, currency, grouping(day) = 1 as of_instance, sum(list_cost) as list_cost,
    sum(contracted_cost) as contracted_cost, sum(effective_cost) as effective_cost,
    sum(billed_cost) as billed_cost, count(*) as lines
  from billing_costline
  where organisation_id = any(%(taken)s) and day >= %(month)s and day < %(end)s
  group by organisation_id, project_id, tag_set_id, offering, region, category, currency,
    grouping sets ((day), (instance_id, is_correction))
), put as (
  insert into billing_costrollup (organisation_id, project_id, tag_set_id, offering, region,
    category, day, list_cost, contracted_cost, effective_cost, billed_cost, currency)
  select organisation_id, project_id, tag_set_id, offering, region, category, day, list_cost,
    contracted_cost, effective_cost, billed_cost, currency
  from sums where category = 'usage' and not of_instance
), put_by_instance as (
  insert into billing_instancerollup (organisation_id, project_id, tag_set_id, instance_id,
    offering, region, category, is_correction, day, list_cost, contracted_cost, effective_cost,
    billed_cost, currency)
  select organisation_id, project_id, tag_set_id, instance_id, offering, region, category,
    is_correction, %(month)s::date, list_cost, contracted_cost, effective_cost, billed_cost,
    currency
  from sums where category = 'usage' and of_instance
)
update billing_ratedmonth d set lines = coalesce(c.lines, 0)
from unnest(%(taken)s::bigint[]) as t (organisation_id)
left join (select organisation_id, sum(lines) as lines from sums where of_instance group by 1) c
  using (organisation_id)
where d.organisation_id = t.organisation_id and d.month = %(month)s"""
