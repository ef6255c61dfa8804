"""How long rating takes, beside the least that anybody would have to do: join usage and prices and
add up quantity × price, in the same database and run; and how quick the lines are as FOCUS.

    POLDER_ROWS=1000000 python -m pytest tests/billing/numbers/test_rating_speed.py -m numbers -s
"""

import os
import time
from tempfile import TemporaryFile

import pytest
from django.db import connection

from billing import rating
from billing.focus import queries, rows, writing
from billing.focus.checks import check_csv
from billing.focus.columns import V1_2, Dataset, columns_of
from billing.models import CostLine
from tests.billing.numbers.made import MONTH, asked, make_cloud, make_prices, make_usage

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
