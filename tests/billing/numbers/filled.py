"""A year of cost lines up to today, with their rollups: a fifth of them of one organisation, the
whale, which has a fifth of the services, too; the others have ten services each.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from django.db import connection

from billing.models import Budget, CostAnomaly, RatedMonth, TagSet
from portal.kernel import clock
from portal.tenancy.models import Organisation
from tests.billing.numbers.made import asked, make_cloud

LINES = asked("POLDER_LINES", 20_000)
INSTANCES = asked("POLDER_INSTANCES", 210)
DAYS = 365
_SMALL, _PROJECTS = 10, 4
_TEAMS = ("search", "shop", "data", "mobile", "")

# Line n is of the day that lies so far in the year; every fifth is of the whale.
_FILL = """
insert into billing_costline (organisation_id, project_id, instance_id, tag_set_id, price_id,
  offering, region, price_class, meter, day, category, is_correction, tier, unit, quantity,
  list_unit_price, contracted_unit_price, list_cost, contracted_cost, effective_cost, billed_cost,
  currency)
select p.organisation_id, i.project_id, i.id, i.tag_set, null, i.offering, 'local', 'big.class',
  m.meter, %(first)s::date + (n::bigint * %(days)s / %(lines)s)::int, 'usage', false, 1, 'hour',
  86400, 0.02592, 0.02592, c.cost, c.cost, c.cost, c.cost, 'EUR'
from generate_series(0, %(lines)s - 1) n
join unnest(array['vcpu', 'memory_gib', 'storage_gib']) with ordinality m (meter, k)
  on m.k = n %% 3 + 1
join numbered i on i.place = case when n %% 5 = 0 then %(others)s + n / 15 %% %(whale)s
  else n / 3 %% %(others)s end
join tenancy_project p on p.id = i.project_id
cross join lateral (select 0.62208 + (n %% 97) * 0.001) c (cost)"""

_SUM = """
insert into billing_costrollup (organisation_id, project_id, tag_set_id, offering, region, category,
  day, list_cost, contracted_cost, effective_cost, billed_cost, currency)
select organisation_id, project_id, tag_set_id, offering, region, category, day, sum(list_cost),
  sum(contracted_cost), sum(effective_cost), sum(billed_cost), currency
from billing_costline
group by organisation_id, project_id, tag_set_id, offering, region, category, day, currency"""

_SUM_BY_INSTANCE = """
insert into billing_instancerollup (organisation_id, project_id, tag_set_id, instance_id, offering,
  region, category, is_correction, day, list_cost, contracted_cost, effective_cost, billed_cost,
  currency)
select organisation_id, project_id, tag_set_id, instance_id, offering, region, category,
  is_correction, date_trunc('month', day), sum(list_cost), sum(contracted_cost),
  sum(effective_cost), sum(billed_cost), currency
from billing_costline
group by organisation_id, project_id, tag_set_id, instance_id, offering, region, category,
  is_correction, date_trunc('month', day), currency"""


@dataclass(frozen=True)
class Filled:
    small: Organisation
    whale: Organisation
    whale_lines: int
    instances: int
    month: date  # the last whole one


def fill() -> Filled:
    whale_instances = max(1, INSTANCES // 5)
    others = INSTANCES - whale_instances
    small = make_cloud(max(1, others // _SMALL), others).organisations[0]
    whale = make_cloud(1, whale_instances, _PROJECTS).organisations[0]
    today = clock.now().date()
    sets = TagSet.objects.bulk_create(
        TagSet(digest=f"{n:064x}", tags={"stage": stage} | ({"team": team} if team else {}))
        for n, (stage, team) in enumerate((s, t) for s in ("dev", "prod") for t in _TEAMS)
    )
    values = {"lines": LINES, "whale": whale_instances, "others": others, "days": DAYS}
    with connection.cursor() as cursor:
        cursor.execute(
            """create temporary table numbered as
            select i.*, row_number() over (order by i.id) - 1 as place,
              %s + i.id %% %s as tag_set from instances_instance i""",
            [sets[0].pk, len(sets)],
        )
        cursor.execute("analyze numbered")
        cursor.execute(_FILL, values | {"first": today - timedelta(days=DAYS - 1)})
        cursor.execute(_SUM)
        cursor.execute(_SUM_BY_INSTANCE)
    _around(today, (small, whale))
    with connection.cursor() as cursor:
        cursor.execute("drop table numbered")
        cursor.execute("vacuum analyze")
        cursor.execute("select count(*) from billing_costline where organisation_id = %s", [whale])
        count = cursor.fetchone()[0]
    named = {row.pk: row for row in Organisation.objects.filter(pk__in=(small, whale))}
    last = (today.replace(day=1) - timedelta(days=1)).replace(day=1)
    return Filled(named[small], named[whale], count, INSTANCES, last)


def _around(today: date, shown: tuple[int, ...]) -> None:
    """What pages show beside costs. Months before the last whole one are closed, as if invoiced."""
    this = today.replace(day=1)
    months = sorted({(today - timedelta(days=n)).replace(day=1) for n in range(DAYS)})
    RatedMonth.objects.bulk_create(
        (
            RatedMonth(
                organisation_id=owner,
                month=month,
                rated_at=clock.now(),
                lines=1,
                closed_at=clock.now() if month < months[-2] else None,
            )
            for owner in Organisation.objects.values_list("pk", flat=True)
            for month in months
        ),
        batch_size=5000,
    )
    for owner in shown:
        budget = {"organisation_id": owner, "public_id": f"bu-{owner:08x}", "name": "All"}
        Budget.objects.create(**budget, amount=Decimal(100_000), created_by="")
        part = {"by": "offering", "key": "redis", "excess": "40.00"}
        CostAnomaly.objects.create(
            organisation_id=owner, day=this, amount=90, expected=50, because=[part]
        )
