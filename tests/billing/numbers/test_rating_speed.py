"""How long rating takes, beside the least that anybody would have to do: join usage and prices and
add up quantity × price, in the same database and run.

    POLDER_ROWS=1000000 python -m pytest tests/billing/numbers/test_rating_speed.py -s
"""

import time

import pytest
from django.db import connection

from billing import rating
from billing.models import CostLine
from tests.billing.numbers.made import MONTH, asked, make_cloud, make_prices, make_usage

ROWS = asked("POLDER_ROWS", 20_000)

_RAW = """
select sum(u.quantity * p.unit_price)
from billing_usagerecord u
join (
  select price_class, meter, valid_from::date as first, coalesce(valid_to::date, 'infinity') as end,
    (tiers->0->>'unit_price')::numeric as unit_price
  from billing_price) p on p.price_class = u.price_class and p.meter = u.meter
    and u.day >= p.first and u.day < p.end"""


def timed(call):
    began = time.monotonic()
    call()
    return time.monotonic() - began


@pytest.mark.django_db
def test_rating_against_the_raw_join():
    make_cloud(organisations=max(1, ROWS // 2000), instances=max(10, ROWS // 200))
    make_prices()
    rows = make_usage(ROWS)
    with connection.cursor() as cursor:
        cursor.execute("set local max_parallel_workers_per_gather = 0")
        raw = min(timed(lambda: cursor.execute(_RAW)) for _ in range(3))
    first = timed(lambda: rating.rate(MONTH))
    again = timed(lambda: rating.rate(MONTH))
    lines = CostLine.objects.count()
    print(
        f"\n{rows:,} rows, raw join {raw:.2f} s; rating {first:.2f} s = {first / raw:.1f}×, "
        f"{rows / first:,.0f} rows/s; again {again:.2f} s; {lines:,} lines"
    )
    assert lines > rows * 9 // 10
