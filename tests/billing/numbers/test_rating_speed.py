"""How long rating takes, beside the least that anybody would have to do: join usage and prices and
add up quantity × price, in the same database and run; and how quick the lines are as FOCUS.

    POLDER_ROWS=1000000 python -m pytest tests/billing/numbers/test_rating_speed.py -m numbers -s
"""

import os
import time
from tempfile import TemporaryFile

import pytest
from django.db import connection

from billing import metering, rating
from billing.focus import queries, rows, writing
from billing.focus.checks import check_csv
from billing.focus.columns import V1_2, Dataset, columns_of
from billing.models import CostLine, UsageRecord
from services import registry
from tests.billing.numbers.made import (
    MONTH,
    SERVICES,
    asked,
    make_cloud,
    make_events,
    make_prices,
    make_usage,
)

pytestmark = [pytest.mark.numbers, pytest.mark.django_db]
ROWS = asked("POLDER_ROWS", 20_000)
CHARGES = Dataset.COST_AND_USAGE

_RAW = """
select sum(u.quantity * p.unit_price)
from billing_usagerecord u
join (
  select price_class, meter, valid_from::date as first, coalesce(valid_to::date, 'infinity') as end,
    (tiers->0->>'unit_price')::numeric as unit_price
  from billing_price) p on p.price_class = u.price_class and p.meter = u.meter
    and u.day >= p.first and u.day < p.end"""
# What an invoice needs at the least: a sum for each organisation and price.
_GROUPED = (
    _RAW.replace(
        "select sum(u.quantity * p.unit_price)",
        "select u.organisation_id, u.price_class, u.meter, p.unit_price, "
        "sum(u.quantity * p.unit_price)",
    )
    + " group by 1, 2, 3, 4"
)


# The same over what meters reported by the hour.
_RAW_EVENTS = """
select sum(e.quantity * p.unit_price)
from billing_usageevent e
join instances_instance i on i.id = e.instance_id
join unnest(%s::text[], %s::text[]) as o (offering, price_class) on o.offering = i.offering
join (
  select price_class, meter, valid_from as first, coalesce(valid_to, 'infinity') as end,
    (tiers->0->>'unit_price')::numeric as unit_price
  from billing_price) p on p.price_class = o.price_class and p.meter = e.meter
    and e.start >= p.first and e.start < p.end"""


def timed(call):
    began = time.monotonic()
    call()
    return time.monotonic() - began


@pytest.fixture
def cloud():
    made = make_cloud(organisations=max(1, ROWS // 2000), instances=max(10, ROWS // 200))
    make_prices()
    return made, make_usage(ROWS)


def test_rating_against_the_raw_join(cloud):
    made, usage = cloud
    with connection.cursor() as cursor:
        cursor.execute("set local max_parallel_workers_per_gather = 0")
        raw = [timed(lambda: cursor.execute(_RAW)) for _ in range(2)]
        grouped = timed(lambda: cursor.execute(_GROUPED))
        first = timed(lambda: rating.rate(MONTH))
        raw += [timed(lambda: cursor.execute(_RAW)) for _ in range(2)]
    again = timed(lambda: rating.rate(MONTH))
    one = timed(lambda: rating.rate(MONTH, made.organisations[:1]))
    least, lines = sum(raw) / len(raw), CostLine.objects.count()
    print(
        f"\nload {os.getloadavg()[0]:.1f}; {usage:,} rows, {made.instances:,} instances: raw join "
        f"{least:.2f} s, by organisation and price {grouped:.2f} s; rating {first:.2f} s = "
        f"{first / least:.1f} × raw, {first / grouped:.1f} × grouped, {usage / first:,.0f} rows/s; "
        f"again {again:.2f} s; one organisation {one * 1000:.0f} ms; {lines:,} lines"
    )
    assert lines > usage * 9 // 10


def test_events_by_the_hour_against_the_raw_join():
    """From what arrived to cost lines: brought to days first, then rated."""
    made = make_cloud(organisations=max(1, ROWS // 2000), instances=max(10, ROWS // 200))
    classes = [registry.get(slug).offering.price_class for slug in SERVICES]
    for price_class in sorted(set(classes)):
        make_prices(price_class)
    events = make_events(ROWS)
    with connection.cursor() as cursor:
        cursor.execute("set local max_parallel_workers_per_gather = 0")
        scope = [list(SERVICES), classes]
        raw = [timed(lambda: cursor.execute(_RAW_EVENTS, scope)) for _ in range(2)]
        metered = timed(lambda: metering.meter(MONTH))
        rated = timed(lambda: rating.rate(MONTH))
        raw += [timed(lambda: cursor.execute(_RAW_EVENTS, scope)) for _ in range(2)]
    least, records = sum(raw) / len(raw), UsageRecord.objects.count()
    print(
        f"\nload {os.getloadavg()[0]:.1f}; {events:,} events by the hour, {made.instances:,} "
        f"instances: raw join {least:.2f} s; metering {metered:.2f} s to {records:,} records, "
        f"rating {rated:.2f} s = {rated / least:.1f} × raw, both {(metered + rated) / least:.1f}; "
        f"{events / (metered + rated):,.0f} events/s; {CostLine.objects.count():,} lines"
    )
    assert 0 < records < events
    assert CostLine.objects.count() >= records


def test_focus_export(cloud):
    rating.rate(MONTH)
    scope = rows.of_month(None, MONTH)
    with TemporaryFile() as out, TemporaryFile() as parquet:
        csv = timed(lambda: out.writelines(writing.csv_of(CHARGES, V1_2, scope)))
        size = out.tell()
        out.seek(0)
        seconds = timed(lambda: writing.to_parquet(columns_of(CHARGES, V1_2), out, parquet))
        out.seek(0)
        facts, found = queries.facts_of(scope), []
        checked = timed(lambda: found.append(check_csv(CHARGES, V1_2, out, facts)))
        packed = parquet.tell()
    count = CostLine.objects.count()
    print(
        f"\nload {os.getloadavg()[0]:.1f}; {count:,} lines as FOCUS 1.2: CSV {csv:.1f} s = "
        f"{count / csv:,.0f} rows/s, {size / 1e6:.0f} MB; Parquet after it {seconds:.1f} s, "
        f"{packed / 1e6:.1f} MB; our checks {checked:.1f} s"
    )
    assert (found[0].rows, found[0].findings) == (count, [])
