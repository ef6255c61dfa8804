"""What commitments cover of a month's usage, and the cost lines that follow. Set-based, a step of
rating: before it is priced, what is covered is taken off, so that free allowances and tiers count
what is left.

A commitment covers by the day, up to its quantity at every second of it: first those of a region,
then those for all; of usage first what no allowance could make free, then the dearest, then the
oldest service. What is covered keeps its price on demand as contracted cost, is billed nothing, and
has its share of the commitment as effective cost. What a day that is over left unused is a line
without a service.

Shares: the days of a term and the pieces within a day are laid end to end, weighted by what they
cost an hour; a piece costs F(its end) − F(its beginning), F(x) = round(total · x ÷ length, 18). So
the lines of a term add up to its price exactly, whatever was used. The last hours of a long month,
which are free on demand, weigh nothing (`billing.pricebook.reserved.counted_on`).

Source: shared design, billing 1.4 (commitments); ADR on the grain of a day.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.backends.utils import CursorWrapper

# What takes the place of the table of usage where something is covered.
LEFT_USAGE = """(
    select r.id, r.organisation_id, r.project_id, r.instance_id, r.tag_set_id, r.offering, r.region,
      r.price_class, r.meter, r.allowance, r.day, r.spot_factor,
      r.quantity - coalesce(c.quantity, 0) as quantity
    from billing_usagerecord r
    left join (select record_id, sum(quantity) as quantity from covered group by 1) c
      on c.record_id = r.id)"""


def cover(cursor: CursorWrapper, scope: Mapping[str, Any]) -> bool:
    """Makes the temporary tables `held` (what is committed on each day) and `covered`. False, and
    none, when the organisations of `taken` have no commitment in the month.
    """
    cursor.execute(_ANY, scope)
    if not cursor.fetchone()[0]:
        return False
    for statement in (_MAKE_HELD, _MAKE_COVERED):
        cursor.execute(statement, scope)
    statement = _with_prices(_COVER, _KEYS_TO_COVER)
    for everywhere in (False, True):
        cursor.execute(statement, {**scope, "everywhere": everywhere})
    return True


def add_lines(cursor: CursorWrapper, scope: Mapping[str, Any]) -> int:
    """Writes what was covered and what was left unused; returns how many lines."""
    cursor.execute(_with_prices(_ADD_LINES, _KEYS_COVERED), scope)
    lines: int = cursor.rowcount
    cursor.execute("drop table covered, held")
    return lines


def _with_prices(statement: str, keys: str) -> str:
    return statement.replace("_PRICED_", _PRICED.replace("_KEYS_", keys))


_ANY = """
select exists (
  select from billing_commitment
  where organisation_id = any(%(taken)s) and start < %(end)s and "end" > %(month)s)"""

# `weight` is what a second of all that is reserved costs, times 3,600; `counted` are the seconds of
# the day that the term counts, `before` those of the days before it.
_MAKE_HELD = """
create temporary table held on commit drop as
with began as (
  select c.*, greatest(c.start, %(month)s::date) as first, least(c."end", %(end)s::date) as until,
    counted.before, counted.whole
  from billing_commitment c
  cross join lateral (
    select sum(s.n) as whole,
      coalesce(sum(s.n) filter (where s.day < greatest(c.start, %(month)s::date)), 0) as before
    from (
      select d::date as day,
        greatest(0, least(86400, 2628000 - (extract(day from d)::bigint - 1) * 86400)) as n
      from generate_series(c.start::timestamp, c."end"::timestamp - interval '1 day', '1 day') d
    ) s) counted
  where c.organisation_id = any(%(taken)s) and c.start < %(end)s and c."end" > %(month)s
)
select c.id as commitment_id, c.organisation_id, c.price_class, c.region, c.offering, c.currency,
  c.total::numeric(38, 20) as total, r.meter, r.quantity as reserved, r.unit_price, r.price_id,
  d.d::date as day,
  r.quantity * r.unit_price as weight, c.whole,
  sum(r.quantity * r.unit_price) over (partition by c.id, d.d) as all_weight,
  c.before + (d.d::date - c.first) * 86400 as before,
  greatest(0, least(86400, 2628000 - (extract(day from d.d)::bigint - 1) * 86400)) as counted
from began c
join billing_committedrate r on r.commitment_id = c.id
cross join lateral generate_series(
  c.first::timestamp, c.until::timestamp - interval '1 day', '1 day') d"""

_MAKE_COVERED = """
create temporary table covered (record_id bigint, commitment_id bigint, quantity numeric)
on commit drop"""

# The price on demand of each class, meter, region and day of `_KEYS_`; that of a region wins.
_PRICED = """
  select distinct on (k.price_class, k.meter, k.region, k.day) k.*, p.id as price_id, p.free_for,
    (p.tiers->0->>'unit_price')::numeric(20, 9) as unit_price
  from (_KEYS_) k
  join billing_price p on p.book = 'list' and p.category = 'standard'
    and p.price_class = k.price_class and p.meter = k.meter and p.region in ('', k.region)
    and (p.valid_from at time zone 'UTC')::date <= k.day
    and (p.valid_to is null or k.day < (p.valid_to at time zone 'UTC')::date)
  order by k.price_class, k.meter, k.region, k.day, p.region <> '' desc"""
_KEYS_TO_COVER = """
    select distinct r.price_class, r.meter, r.region, r.day
    from billing_usagerecord r
    join room h using (organisation_id, price_class, meter, day)
    where r.spot_factor is null"""
_KEYS_COVERED = "select distinct price_class, meter, region, day from used"

# Capacity and usage of a day are laid side by side; where they overlap, usage is covered.
_COVER = """
with room as (
  select h.*, sum(reserved * 86400) over upto - reserved * 86400 as lo,
    sum(reserved * 86400) over upto as hi
  from held h where (region = '') = %(everywhere)s
  window upto as (
    partition by organisation_id, price_class, meter, region, day order by commitment_id)
), priced as (_PRICED_
), used as (
  select r.*, p.unit_price, p.free_for <> '' and p.free_for = r.allowance as may_be_free,
    r.quantity - coalesce(c.quantity, 0) as left_over,
    case when %(everywhere)s then '' else r.region end as scope
  from billing_usagerecord r
  join priced p using (price_class, meter, region, day)
  left join (select record_id, sum(quantity) as quantity from covered group by 1) c
    on c.record_id = r.id
  where r.organisation_id = any(%(taken)s) and r.spot_factor is null
), placed as (
  select u.*, sum(left_over) over upto - left_over as lo, sum(left_over) over upto as hi
  from used u where left_over > 0
  window upto as (
    partition by organisation_id, price_class, meter, scope, day
    order by may_be_free, unit_price desc, instance_id, id)
)
insert into covered
select u.id, h.commitment_id, least(u.hi, h.hi) - greatest(u.lo, h.lo)
from placed u
join room h on h.organisation_id = u.organisation_id and h.price_class = u.price_class
  and h.meter = u.meter and h.region = u.scope and h.day = u.day and u.hi > h.lo and h.hi > u.lo"""

_ADD_LINES = """
with used as (
  select c.commitment_id, c.quantity, r.project_id, r.instance_id, r.tag_set_id, r.offering,
    r.region, r.price_class, r.meter, r.day, r.id as place
  from covered c join billing_usagerecord r on r.id = c.record_id
), priced as (_PRICED_
), summed as (
  select commitment_id, meter, day, sum(quantity) as quantity from used group by 1, 2, 3
), days as (
  select h.*, greatest(h.reserved * h.counted - coalesce(s.quantity, 0), 0) as unused,
    sum(greatest(h.weight * h.counted, coalesce(s.quantity, 0) * h.unit_price)) over (
      partition by h.commitment_id, h.day) as day_weight
  from held h left join summed s using (commitment_id, meter, day)
), pieces as (
  select d.*, u.quantity, u.project_id, u.instance_id, u.tag_set_id, u.offering as of_offering,
    u.region as of_region, u.place, u.quantity * d.unit_price as piece
  from days d join used u using (commitment_id, meter, day)
  union all
  select d.*, d.unused, null, null, null, d.offering, d.region, null, d.unused * d.unit_price
  from days d where d.unused > 0
), spread as (
  select p.*, before * all_weight + all_weight * counted * (sum(piece) over upto - piece)
      / day_weight as lo,
    before * all_weight + all_weight * counted * (sum(piece) over upto) / day_weight as hi
  from pieces p
  window upto as (
    partition by commitment_id, day order by place is null, meter, place
    rows unbounded preceding)
)
insert into billing_costline (organisation_id, project_id, instance_id, tag_set_id, price_id,
  commitment_id, offering, region, price_class, meter, day, category, is_correction, tier, unit,
  quantity, list_unit_price, contracted_unit_price, list_cost, contracted_cost, effective_cost,
  billed_cost, currency)
select s.organisation_id, s.project_id, s.instance_id, s.tag_set_id,
  coalesce(p.price_id, s.price_id), s.commitment_id, s.of_offering, s.of_region, s.price_class,
  s.meter, s.day, 'usage', false, 0, 'hour', s.quantity, coalesce(p.unit_price, 0),
  coalesce(p.unit_price, 0), round(s.quantity * coalesce(p.unit_price, 0) / 3600, 18),
  round(s.quantity * coalesce(p.unit_price, 0) / 3600, 18),
  round(s.total * s.hi / (s.all_weight * s.whole), 18)
    - round(s.total * s.lo / (s.all_weight * s.whole), 18),
  0, s.currency
from spread s
left join priced p on s.place is not null and p.price_class = s.price_class
  and p.meter = s.meter and p.region = s.of_region and p.day = s.day
where s.place is not null or s.day < %(today)s"""
