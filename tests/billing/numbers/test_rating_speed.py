"""How long rating takes, beside the least that anybody would have to do: join usage and prices and
add up quantity × price, in the same database and run; and how quick the lines are as FOCUS.

    POLDER_ROWS=1000000 POLDER_TIMES=3 python -m pytest tests/billing/numbers/test_rating_speed.py \
        -m numbers -s

Each time with the raw join before and after it. On a machine that others use, what the server's
process took of a processor says more than the clock.
"""

import os
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryFile

import pytest
from django.db import connection

from billing.focus import queries, rows, writing
from billing.focus.checks import check_csv
from billing.focus.columns import V1_2, Dataset, columns_of
from billing.metering import records as metering
from billing.models import CostLine, UsageRecord
from billing.rating import months as rating
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
TIMES = asked("POLDER_TIMES", 1)
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


@dataclass(frozen=True)
class Took:
    """Seconds by the clock and of the processor."""

    wall: float
    busy: float

    def __add__(self, other):
        return Took(self.wall + other.wall, self.busy + other.busy)

    def __truediv__(self, number):
        return Took(self.wall / number, self.busy / number)

    def __str__(self):
        return f"{self.wall:.2f} s ({self.busy:.2f})"

    def times(self, raw):
        return f"{self.wall / raw.wall:.1f} × ({self.busy / max(raw.busy, 0.01):.1f})"


def busy():
    """What the server's process of this connection had of a processor: it runs beside us."""
    process = Path("/proc") / str(connection.connection.info.backend_pid) / "stat"
    fields = process.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def took(call):
    began, worked = time.monotonic(), busy()
    call()
    return Took(time.monotonic() - began, busy() - worked)


def timed(call):
    return took(call).wall


def rounds(raw, call, *written):
    """Of each time: the mean of four raw joins, two of them after, and what `call` took. What it
    wrote is gone before the next.
    """
    found = []
    for _ in range(TIMES):
        with connection.cursor() as cursor:
            cursor.execute(f"truncate {', '.join(written)}")
        joins = [took(raw) for _ in range(2)]
        done = took(call)
        joins += [took(raw) for _ in range(2)]
        found.append((sum(joins, Took(0, 0)) / 4, done))
    return found


def told(found, rows):
    """Each time by itself, the least and the middle; what the processor did stands in brackets."""
    each = [f"raw join {raw}, rating {done} = {done.times(raw)}" for raw, done in found]
    walls = sorted(done.wall / raw.wall for raw, done in found)
    works = sorted(done.busy / max(raw.busy, 0.01) for raw, done in found)
    quick = min(done.wall for _, done in found)
    return "; ".join(each) + (
        f": least {walls[0]:.1f} × ({works[0]:.1f}), median {median(walls):.1f} × "
        f"({median(works):.1f}), {rows / quick:,.0f} rows/s"
    )


@pytest.fixture
def cloud():
    made = make_cloud(organisations=max(1, ROWS // 2000), instances=max(10, ROWS // 200))
    make_prices()
    return made, make_usage(ROWS)


@pytest.fixture
def alone():
    """One process of the server for each statement: as many for the join as for rating."""
    with connection.cursor() as cursor:
        cursor.execute("set local max_parallel_workers_per_gather = 0")
        yield cursor


def join(cursor, statement, scope=None):
    """As it is quickest: left alone, the server reads a million rows eight times over in a loop,
    which takes more than twice as long, and ten million as here.
    """
    cursor.execute("set local enable_nestloop = off")
    cursor.execute(statement, scope)
    cursor.execute("set local enable_nestloop to default")


_LINES = ("billing_costline", "billing_costrollup", "billing_instancerollup")


def test_rating_against_the_raw_join(cloud, alone):
    made, usage = cloud
    found = rounds(partial(join, alone, _RAW), partial(rating.rate, MONTH), *_LINES)
    grouped = took(lambda: join(alone, _GROUPED))
    again = took(lambda: rating.rate(MONTH))
    one = timed(lambda: rating.rate(MONTH, made.organisations[:1]))
    lines = CostLine.objects.count()
    print(
        f"\nload {os.getloadavg()[0]:.1f}; {usage:,} rows, {made.instances:,} instances: "
        f"{told(found, usage)}; by organisation and price the join takes {grouped}; again {again}; "
        f"one organisation {one * 1000:.0f} ms; {lines:,} lines"
    )
    assert lines > usage * 9 // 10


def test_events_by_the_hour_against_the_raw_join(alone):
    """From what arrived to cost lines: brought to days first, then rated."""
    made = make_cloud(organisations=max(1, ROWS // 2000), instances=max(10, ROWS // 200))
    classes = [registry.get(slug).offering.price_class for slug in SERVICES]
    for price_class in sorted(set(classes)):
        make_prices(price_class)
    events, rated = make_events(ROWS), []

    def all_of_it():
        metering.meter(MONTH)
        rated.append(took(lambda: rating.rate(MONTH)))

    scope = [list(SERVICES), classes]
    raw = partial(join, alone, _RAW_EVENTS, scope)
    found = rounds(raw, all_of_it, *_LINES, "billing_usagerecord")
    records = UsageRecord.objects.count()
    print(
        f"\nload {os.getloadavg()[0]:.1f}; {events:,} events by the hour, {made.instances:,} "
        f"instances, with metering to {records:,} records: {told(found, events)}; rating them, of "
        f"that: {', '.join(map(str, rated))}; {CostLine.objects.count():,} lines"
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
