"""Months of made-up usage, by the hundred thousand, straight into the tables."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

from django.db import connection

from billing.models import Price, TagSet
from billing.pricebook import queries
from portal.tenancy.models import Organisation, Project
from services.instances.models import Instance
from services.regions.models import Region
from tests.makers import make_region

MONTH = date(2026, 10, 1)
MIDDLE = datetime(2026, 10, 16, tzinfo=UTC)
DAYS = 31
# What is priced: (meter, mode, tiers as (end, unit price)), in million requests' smaller kin.
PRICED = (
    ("requests", "flat", ((None, "0.40"),)),
    ("queries", "graduated", (("200", "0.20"), ("1000", "0.15"), (None, "0.10"))),
    ("messages", "volume", (("500", "0.80"), ("2000", "0.60"), (None, "0.50"))),
    ("events", "package", ((None, "0.90"),)),
)
SERVICES = ("postgresql", "redis", "kafka", "rabbitmq")


def asked(name: str, small: int) -> int:
    """How many, by the environment; `small` where nothing was asked."""
    return int(os.environ.get(name, small))


@dataclass(frozen=True)
class Cloud:
    organisations: list[int]
    instances: int


def make_cloud(organisations: int, instances: int, projects_each: int = 1) -> Cloud:
    """So many instances, spread evenly over the organisations and their projects."""
    region = Region.objects.first() or make_region()
    start = Organisation.objects.count()
    made = Organisation.objects.bulk_create(
        Organisation(slug=f"big-{start + n}", name=f"Big {start + n}") for n in range(organisations)
    )
    projects = Project.objects.bulk_create(
        Project(
            organisation=row,
            public_id=f"pj-{row.pk}-{n}",
            slug=f"p-{n}-{row.slug}",
            name=f"No. {n}",
        )
        for row in made
        for n in range(projects_each)
    )
    first = Instance.objects.count()
    Instance.objects.bulk_create(
        [
            Instance(
                public_id=f"in-{first + n:08x}",
                project=projects[n % len(projects)],
                region=region,
                offering=SERVICES[n % len(SERVICES)],
                name=f"service-{first + n}",
                plan="single-2x8",
                version="17",
            )
            for n in range(instances)
        ],
        batch_size=5000,
    )
    return Cloud([row.pk for row in made], instances)


def make_prices(price_class: str = "big.class") -> None:
    """All modes, each with another price from the middle of the month on."""
    for meter, mode, tiers in PRICED:
        for half, factor in enumerate((Decimal(1), Decimal("1.1"))):
            listed, low = [], "0"
            for end, amount in tiers:
                unit_price = f"{Decimal(amount) * factor:f}"
                listed.append({"from": low, "to": end, "unit_price": unit_price, "flat": "0"})
                low = end
            Price.objects.create(
                public_id=f"pr-{Price.objects.count():08x}",
                price_class=price_class,
                meter=meter,
                unit="thousand",
                mode=mode,
                tiers=listed,
                free_quantity=Decimal("100") if mode == "graduated" else 0,
                valid_from=MIDDLE if half else datetime(2026, 1, 1, tzinfo=UTC),
                valid_to=None if half else MIDDLE,
            )
    queries.forget_prices()


def make_usage(rows: int, region: str = "local") -> int:
    """Records of October for all instances, until there are so many. Returns how many."""
    tags, _ = TagSet.objects.get_or_create(digest="0" * 64)
    meters = [meter for meter, *_ in PRICED]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            insert into billing_usagerecord (organisation_id, project_id, instance_id, tag_set_id,
              offering, region, price_class, meter, allowance, from_plan, day, quantity, consumed)
            select p.organisation_id, i.project_id, i.id, %(tags)s, i.offering, %(region)s,
              'big.class', m.meter, s.part::text, false, d.day::date, q.quantity, q.quantity
            from generate_series(0, %(parts)s) as s (part)
            cross join generate_series(%(first)s::date, %(last)s::date, '1 day') as d (day)
            cross join unnest(%(meters)s::text[]) as m (meter)
            cross join instances_instance i
            join tenancy_project p on p.id = i.project_id
            cross join lateral (
              select round((1 + abs(hashint8(i.id * 131 + (d.day::date - date '2026-01-01')
                + length(m.meter) * 7 + s.part * 17)) %% 99999)::numeric / 7, 9) as quantity) q
            order by d.day, i.id, m.meter, s.part
            limit %(rows)s""",
            {
                "tags": tags.pk,
                "region": region,
                "first": MONTH,
                "last": date(2026, 10, DAYS),
                "meters": meters,
                "rows": rows,
                "parts": rows // max(1, Instance.objects.count() * DAYS * len(meters)),
            },
        )
        made = cursor.rowcount
        cursor.execute("analyze")
    return made


def make_events(rows: int) -> int:
    """The same as it arrives: an event an hour of each instance and meter, until there are so many.
    Returns how many.
    """
    TagSet.objects.get_or_create(digest="0" * 64)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            insert into billing_usageevent (source, event_id, digest, instance_id, meter, start,
              "end", quantity, received_at)
            select 'numbers', i.id || '/' || m.meter || '/' || h.at, '', i.id, m.meter, h.at,
              h.at + interval '1 hour', q.quantity, h.at + interval '1 hour'
            from generate_series(%(first)s::timestamptz, %(end)s::timestamptz, '1 hour') as h (at)
            cross join unnest(%(meters)s::text[]) as m (meter)
            cross join instances_instance i
            cross join lateral (
              select round((1 + abs(hashint8(i.id * 131 + extract(epoch from h.at)::bigint
                + length(m.meter) * 7)) %% 99999)::numeric / 7, 9) as quantity) q
            order by h.at, i.id, m.meter
            limit %(rows)s""",
            {
                "first": datetime(2026, 10, 1, tzinfo=UTC),
                "end": datetime(2026, 10, DAYS, 23, tzinfo=UTC),
                "meters": [meter for meter, *_ in PRICED],
                "rows": rows,
            },
        )
        made = cursor.rowcount
        cursor.execute("analyze billing_usageevent")
    return made
