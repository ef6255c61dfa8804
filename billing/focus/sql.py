"""Where the columns of `billing.focus.rows` come from: the tables, and what the code alone knows of
them, joined under the names that the columns use.
"""

from __future__ import annotations

PERIODS = """
from (
  select month, bool_and(closed_at is not null) as closed,
    coalesce(max(greatest(rated_at, posted_at, closed_at)), min(month)::timestamptz) as updated
  from billing_ratedmonth
  where month >= %(first)s and month < %(end)s
    and (%(organisation)s::bigint is null or organisation_id = %(organisation)s)
  group by month) as c
order by c.month"""

# `charge` is a cost line with all its names, `tax` the VAT of an issued invoice.
LINES = """
service as (
  select * from unnest(%(service_0)s::text[], %(service_1)s::text[], %(service_2)s::text[],
    %(service_3)s::text[]) as s (slug, name, category, subcategory)
), class as (
  select * from unnest(%(class_0)s::text[], %(class_1)s::text[]) as s (code, label)
), meter as (
  select * from unnest(%(meter_0)s::text[], %(meter_1)s::text[]) as s (code, label)
), unit as (
  select * from unnest(%(unit_0)s::text[], %(unit_1)s::text[], %(unit_2)s::text[],
    %(unit_3)s::text[]) as s (meter, unit, pricing, consumed)
), size as (
  select * from unnest(%(size_0)s::text[], %(size_1)s::numeric[], %(size_2)s::boolean[])
    as s (unit, size, of_month)
), posted as (
  select * from unnest(%(posted)s::bigint[], %(posted_texts)s::text[]) as s (id, label)
), month as (
  select m.day::date as first, extract(epoch from (m.day + interval '1 month') - m.day)::numeric
    as seconds
  from generate_series((select coalesce(min(date_trunc('month', corrects_day)), %(first)s::date)
    from billing_costline where corrects_day is not null and day >= %(first)s and day < %(end)s)
    ::timestamp, %(end)s::timestamp, interval '1 month') as m (day)
), price as (
  select p.id, p.public_id, p.category, p.unit, t.n,
    json_build_object('x_Mode', p.mode, 'x_Tier', t.n)::text as details
  from billing_price p, generate_series(0, jsonb_array_length(p.tiers)) as t (n)
), invoice as (
  select i.id, i.organisation_id, i.month, i.kind, i.number, i.currency, i.issued_at,
    case when i.kind = '381' then -i.vat else i.vat end as vat,
    coalesce(o.number, i.number) as about_number,
    (i.document->>'due_on')::date as due, nullif(i.document->>'terms', '') as terms,
    nullif(i.document->>'order_number', '') as order_number
  from billing_invoice i left join billing_invoice o on o.id = i.corrects_id
  where i.status = 'issued' and i.month >= %(first)s and i.month < %(end)s
), reserved as (
  select m.id, m.public_id, m.total, m.start, m."end", sum(q.quantity) as pieces,
    case when m.plan <> '' then m.pieces || ' x ' || coalesce(s.name, m.offering) || ' ' || m.plan
      else m.price_class end as name
  from billing_commitment m
  join billing_committedrate q on q.commitment_id = m.id
  left join service s on s.slug = m.offering
  where %(organisation)s::bigint is null or m.organisation_id = %(organisation)s
  group by m.id, s.name
), charge as (
  select c.id, c.day, coalesce(c.corrects_day, c.day) as charged, c.category, c.is_correction,
    c.quantity, c.list_unit_price, c.contracted_unit_price, c.list_cost, c.contracted_cost,
    c.effective_cost, c.billed_cost, c.currency, o.slug as account, o.name as account_name,
    j.slug as sub_account, j.name as sub_account_name, x.public_id as resource,
    x.name as resource_name, nullif(c.region, '') as region_code,
    coalesce(r.name, c.region) as region_name,
    coalesce(s.name, nullif(c.offering, ''), 'Account') as service,
    coalesce(s.category, 'Other') as service_category,
    coalesce(s.subcategory, %(no_service)s) as service_subcategory,
    p.category as price_category, p.unit is distinct from c.unit as is_fee,
    coalesce(p.details, json_build_object('x_Reference', c.reference)::text) as details,
    coalesce(u.pricing, %(one_of_all)s) as pricing_unit,
    coalesce(u.consumed, %(one_of_all)s) as consumed_unit,
    case when z.of_month then z.size * m.seconds else coalesce(z.size, 1) end as size,
    coalesce(e.label, nullif(c.meter, ''), 'Purchase') as meter_name,
    case when c.category in ('credit', 'adjustment') then null
      when c.price_id is not null then c.price_class || '/' || c.meter
      when c.category = 'purchase' then split_part(c.reference, ':', 1) end as sku,
    case when c.category in ('credit', 'adjustment') then null
      when p.id is not null then
        p.public_id || '-' || c.tier || case when p.unit <> c.unit then '-fee' else '' end
      when c.category = 'purchase' then c.reference end as sku_price,
    coalesce(t.label,
      case when c.is_correction then 'Correction: ' else '' end
      || case when c.category = 'adjustment' then 'Rounding: ' else '' end
      || coalesce(k.label, c.price_class) || ': ' || coalesce(e.label, c.meter)
      || case when c.tier = 0 then ' (free)' else '' end
      || case when p.category = 'dynamic' then ' (spot)' else '' end) as description,
    case when g.tags <> '{}' then g.tags::text end as tags,
    v.public_id as reserved, v.name as reserved_name,
    v.id is not null and c.category = 'usage' and c.instance_id is null as is_unused,
    round(case when c.category = 'usage' then c.quantity / 3600
      else v.pieces * 24 * ((date_trunc('month', c.day) + interval '1 month')::date
        - date_trunc('month', c.day)::date) end, 12) as reserved_hours,
    coalesce(n.id, i.id) as invoice_id, coalesce(n.number, i.number) as number,
    coalesce(n.number, i.number) || '/'
      || coalesce(nullif(c.reference, ''), p.public_id || '-' || c.tier)
      || case when c.is_correction and c.corrects_day is not null
        then '/' || left(c.corrects_day::text, 7) else '' end as detail
  from billing_costline c
  join tenancy_organisation o on o.id = c.organisation_id
  left join tenancy_project j on j.id = c.project_id
  left join instances_instance x on x.id = c.instance_id
  left join regions_region r on r.code = c.region
  left join billing_tagset g on g.id = c.tag_set_id
  left join price p on p.id = c.price_id and p.n = c.tier
  left join service s on s.slug = c.offering
  left join class k on k.code = c.price_class
  left join meter e on e.code = c.meter
  left join unit u on u.meter = c.meter and u.unit = c.unit
  left join size z on z.unit = c.unit
  left join month m on z.of_month
    and m.first = date_trunc('month', coalesce(c.corrects_day, c.day))::date
  left join posted t on t.id = c.id
  left join reserved v on v.id = c.commitment_id
  left join invoice n on c.is_correction and n.number = c.about->>'number'
  left join invoice i on n.id is null and i.kind = '380'
    and i.organisation_id = c.organisation_id and i.month = date_trunc('month', c.day)::date
  where c.day >= %(first)s and c.day < %(end)s and c.day < %(before)s
    and (%(organisation)s::bigint is null or c.organisation_id = %(organisation)s)
), tax as (
  select i.id as invoice_id, i.month as day, i.number, i.number || '/vat' as detail, i.currency,
    i.vat::numeric(38, 18) as vat, o.slug as account, o.name as account_name
  from invoice i join tenancy_organisation o on o.id = i.organisation_id
  where i.vat <> 0
    and (%(organisation)s::bigint is null or i.organisation_id = %(organisation)s)
)"""

DETAILS = """
from (
  select l.number, l.detail, l.account, l.currency, l.day, l.billed_cost, l.charge_category,
    l.description, l.grain, i.issued_at, i.due, i.order_number, i.about_number,
    coalesce(i.terms, 'As on the invoice') as terms
  from (
    select invoice_id, number, detail, account, currency, date_trunc('month', min(day)) as day,
      sum(billed_cost) as billed_cost,
      case when bool_or(category = 'usage') then 'Usage' else initcap(min(category)) end
        as charge_category,
      coalesce(min(description) filter (where category <> 'adjustment'), min(description))
        as description,
      json_build_object('SkuPriceId', min(sku_price))::text as grain
    from charge where number is not null
    group by invoice_id, number, detail, account, currency
    union all
    select invoice_id, number, detail, account, currency, day, vat, 'Tax', 'VAT', null
    from tax
  ) l
  join invoice i on i.id = l.invoice_id) as c
order by c.number, c.detail"""

COMMITMENTS = """
from (
  select m.public_id, m.currency, m.total::numeric(38, 18) as total, m.created_at, m.start, m."end",
    m.term, m.upfront_percent as upfront, v.name, v.pieces,
    json_build_object('InclusionOperator', 'And', 'Inclusions', json_build_array(json_build_object(
      'Dimension', 'SkuId', 'Operator', 'In', 'Values', (
        select json_agg(m.price_class || '/' || q.meter order by q.meter)
        from billing_committedrate q where q.commitment_id = m.id))))::text as applicability
  from billing_commitment m join reserved v on v.id = m.id
  where m.start < %(end)s and m."end" > %(first)s) as c
order by c.public_id"""
