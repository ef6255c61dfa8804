"""What probes found by instance and day: written in batches, read by the month, kept a while."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Sum

from portal.kernel import clock
from services.instances.minutes_field import bits_in, ranges_of
from services.instances.models import ProbeDay, ProbeSum
from services.probes.minutes import WINDOWS, Window

_AT_ONCE = 2000
_LOCK = 0x706F6C70  # "polp"; a number of its own among advisory locks
MINUTES = 24 * 60


@dataclass(frozen=True, slots=True)
class Probed:
    """A month of one instance. Bit n of `known` and `bad` is the month's minute n; `latencies` has
    the 95th percentile of each five minutes of the month in tenths of a millisecond, 0 where there
    were too few answers.
    """

    known: int = 0
    bad: int = 0
    latencies: Sequence[int] = ()


def add(windows: Sequence[Window], *, region: int) -> None:
    """Joins them to what is known, with the sums of their days; what is no instance of the region
    (its key) is left out. Doing it again, or in another order, changes nothing.

    Where two probers have a window, the shorter latency counts: the nearer one saw more of the
    server and less of the way to it.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        # One at a time in a region, or the sums of one would miss the minutes of the other.
        cursor.execute("select pg_advisory_xact_lock(%s, %s)", [_LOCK, region])
        for part in _parts(windows):
            cursor.execute(
                _ADD,
                {
                    "region": region,
                    "keys": [window.key for window in part],
                    "days": [window.day for window in part],
                    "at": 2 * part[0].number + 1,
                    "known": [ranges_of(_bits(window.known)) for window in part],
                    "bad": [ranges_of(_bits(window.bad)) for window in part],
                    "latency": [window.latency.to_bytes(2, "big") for window in part],
                    "length": 2 * WINDOWS,
                },
            )
        days = sorted({window.day for window in windows})
        cursor.execute(_ADD_UP, {"days": days, "region": region})


@dataclass(frozen=True, slots=True)
class Served:
    """Minutes of an offering in a region (its key): how many are known, how many of them bad."""

    region: int
    offering: str
    known: int
    bad: int


def served_since(day: date) -> list[Served]:
    """Of all regions and offerings that were probed from `day` on. One query."""
    rows = ProbeSum.objects.filter(day__gte=day).values_list("region_id", "offering")
    return [Served(*row) for row in rows.annotate(Sum("known"), Sum("bad")).order_by()]


def of_month(instances: Iterable[int], month: date) -> dict[int, Probed]:
    """By the instance's key; those of whom nothing is known are not in it. One query, whose days
    the database puts together: a row an instance.
    """
    first = month.replace(day=1)
    following = (first + timedelta(days=31)).replace(day=1)
    with connection.cursor() as cursor:
        cursor.execute(
            _OF_MONTH,
            {
                "keys": list(instances),
                "first": first,
                "following": following,
                "zeros": bytes(2 * WINDOWS),  # for a day of which no answer is known
            },
        )
        return {
            key: Probed(bits_in(known), bits_in(bad), _latencies(numbers, stored))
            for key, known, bad, numbers, stored in cursor
        }


def forget() -> int:
    """Deletes what is older than it is kept. How many days of instances there were."""
    oldest = clock.now().date() - timedelta(days=settings.POLDER_PROBES_KEPT_DAYS)
    ProbeSum.objects.filter(day__lt=oldest).delete()
    return ProbeDay.objects.filter(day__lt=oldest).delete()[0]


def _parts(windows: Sequence[Window]) -> Iterable[Sequence[Window]]:
    """A row may be written once in a statement: one window of the day at a time."""
    for number in sorted({(window.day, window.number) for window in windows}):
        same = [window for window in windows if (window.day, window.number) == number]
        yield from (same[at : at + _AT_ONCE] for at in range(0, len(same), _AT_ONCE))


def _bits(minutes: Iterable[int]) -> int:
    return sum(1 << minute for minute in minutes)


def _latencies(days: str, stored: bytes) -> array[int]:
    """`stored` has those of the days of the month with these numbers, one after another."""
    numbers, length = [int(number) for number in days.split(",")], 2 * WINDOWS
    if numbers[-1] >= len(numbers):  # some days are missing
        whole = bytearray((numbers[-1] + 1) * length)
        for at, number in enumerate(numbers):
            whole[number * length : (number + 1) * length] = stored[at * length : (at + 1) * length]
        stored = bytes(whole)
    values = array("H", stored)
    if sys.byteorder == "little":
        values.byteswap()
    return values


_OF_MONTH = """
select instance_id, range_agg(known)::text, range_agg(bad)::text,
  string_agg(number::text, ',' order by number), string_agg(latency, '' order by number)
from (
  select instance_id, day - %(first)s as number,
    overlay(%(zeros)s::bytea placing latency from 1) as latency,
    (select range_agg(int4range(lower(r) + at, upper(r) + at)) from unnest(known) r) as known,
    (select range_agg(int4range(lower(r) + at, upper(r) + at)) from unnest(bad) r) as bad
  from instances_probeday, lateral (select (day - %(first)s) * 1440 as at) offsets
  where instance_id = any(%(keys)s) and day >= %(first)s and day < %(following)s
) days
group by instance_id"""

_ADD = """
insert into instances_probeday as d (instance_id, day, known, bad, latency)
select i.id, w.day, w.known::int4multirange, w.bad::int4multirange,
  overlay(decode(repeat('00', %(length)s), 'hex') placing w.latency from %(at)s for 2)
from unnest(%(keys)s::text[], %(days)s::date[], %(known)s::text[], %(bad)s::text[],
  %(latency)s::bytea[]) as w (key, day, known, bad, latency)
join instances_instance i on i.public_id = w.key and i.region_id = %(region)s
order by i.id
on conflict (instance_id, day) do update set
  known = d.known + excluded.known,
  bad = d.bad + excluded.bad,
  latency = overlay(d.latency placing coalesce(least(
      nullif(substring(d.latency from %(at)s for 2), '\\x0000'::bytea),
      nullif(substring(excluded.latency from %(at)s for 2), '\\x0000'::bytea)
    ), '\\x0000'::bytea) from %(at)s for 2)"""

_ADD_UP = """
insert into instances_probesum (region_id, offering, day, known, bad)
select i.region_id, i.offering, d.day,
  sum((select coalesce(sum(upper(r) - lower(r)), 0) from unnest(d.known) r)),
  sum((select coalesce(sum(upper(r) - lower(r)), 0) from unnest(d.bad) r))
from instances_probeday d join instances_instance i on i.id = d.instance_id
where d.day = any(%(days)s) and i.region_id = %(region)s
group by 1, 2, 3
order by 3, 2
on conflict (day, region_id, offering) do update set known = excluded.known, bad = excluded.bad"""
