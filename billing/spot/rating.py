"""Usage of spare capacity → cost lines, set-based; a step of `billing.rating.months`.

A record says by its `spot_factor` what it costs of the list price; the book of that factor has the
price. What commitments cover, free allowances and tiers leave it alone: it is flat, and a discount
already. List cost is what it would have cost on demand at the first tier.

Source: shared design, billing 1.4 and 2 (rules).
"""

from __future__ import annotations

# An index holds no others, so that this costs nothing where there are none.
ANY = """
select exists (
  select from billing_usagerecord
  where organisation_id = any(%(taken)s) and day >= %(month)s and day < %(end)s
    and spot_factor is not null)"""

ADD_LINES = """
with u as materialized (
  select * from billing_usagerecord
  where organisation_id = any(%(taken)s) and day >= %(month)s and day < %(end)s
    and spot_factor is not null and quantity > 0
), priced as materialized (
  select distinct on (k.price_class, k.meter, k.region, k.spot_factor, k.day) k.*,
    p.id as price_id, p.unit, p.currency,
    (p.tiers->0->>'unit_price')::numeric(20, 9) as unit_price,
    (l.tiers->0->>'unit_price')::numeric(20, 9) as list_unit_price, s.size
  from (select distinct price_class, meter, region, spot_factor, day from u) k
  join billing_price p on p.book = 'spot-' || k.spot_factor and p.price_class = k.price_class
    and p.meter = k.meter and p.region in ('', k.region)
    and (p.valid_from at time zone 'UTC')::date <= k.day
    and (p.valid_to is null or k.day < (p.valid_to at time zone 'UTC')::date)
  join billing_price l on l.book = 'list' and l.category = 'standard'
    and l.price_class = p.price_class and l.meter = p.meter and l.region = p.region
    and l.valid_from = p.valid_from
  join unnest(%(units)s::text[], %(sizes)s::numeric[]) as s (unit, size) on s.unit = p.unit
  order by k.price_class, k.meter, k.region, k.spot_factor, k.day, p.region <> '' desc
)
insert into billing_costline (organisation_id, project_id, instance_id, tag_set_id, price_id,
  offering, region, price_class, meter, day, category, is_correction, tier, unit, quantity,
  list_unit_price, contracted_unit_price, list_cost, contracted_cost, effective_cost, billed_cost,
  currency)
select organisation_id, project_id, instance_id, tag_set_id, price_id, offering, region,
  price_class, meter, day, 'usage', false, 1, unit, quantity, list_unit_price, unit_price,
  round(quantity * list_unit_price / size, 18), cost, cost, cost, currency
from u
join priced using (price_class, meter, region, spot_factor, day)
cross join lateral (select round(quantity * unit_price / size, 18) as cost) as billed"""
