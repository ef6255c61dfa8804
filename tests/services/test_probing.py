"""The prober of a region: whom it asks, what it writes, and what it does not hold against them."""

import asyncio
import random
import time
from datetime import UTC, date, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connections

from services.instances import probe_days
from services.instances.management.commands import probe
from services.instances.minutes_field import bits_of, ranges_of
from services.instances.models import Instance, ProbeDay
from services.instances.probing import prober_of, targets_of
from services.probes.asking import State, Verdict
from services.probes.minutes import Window
from services.regions.models import Region
from tests.makers import make_project, make_region

DAY = date(2026, 10, 7)


def window(key, number, *, bad=(), latency=0, day=DAY):
    return Window(key, day, number, tuple(range(5 * number, 5 * number + 5)), bad, latency)


@pytest.fixture
def instance(db):
    return make_cache()


def make_cache():
    """A service that runs, without what an order needs."""
    return Instance.objects.create(
        public_id="rd-0badcafe",
        project=make_project(),
        region=make_region(),
        offering="redis",
        name="cache",
        version="9",
        plan="dev-1x1",
        phase="running",
    )


def join(instance, windows):
    probe_days.add(windows, region=instance.region_id)


def of_october(instance):
    return probe_days.of_month([instance.pk], DAY)[instance.pk]


def ones(start, end):
    """Bits of the month's minutes [start, end) of the seventh."""
    return ((1 << (end - start)) - 1) << (6 * 1440 + start)


def test_windows_join_what_is_known(instance):
    join(instance, [window(instance.public_id, 0, bad=(1, 2), latency=15)])
    join(instance, [window(instance.public_id, 1, latency=700), window(instance.public_id, 287)])
    found = of_october(instance)
    assert found.known == ones(0, 10) | ones(1435, 1440)
    assert found.bad == ones(1, 3)
    at = dict(filter(all, ((value, n) for n, value in enumerate(found.latencies))))
    assert at == {15: 6 * 288, 700: 6 * 288 + 1}


def test_writing_again_changes_nothing(instance):
    rows = [window(instance.public_id, 3, bad=(17,), latency=9)]
    join(instance, rows)
    before = of_october(instance)
    join(instance, rows)
    assert of_october(instance) == before
    assert ProbeDay.objects.count() == 1


def test_a_bad_minute_stays_bad_whatever_another_prober_saw(instance):
    join(instance, [window(instance.public_id, 3, bad=(17,))])
    join(instance, [window(instance.public_id, 3)])
    assert of_october(instance).bad == ones(17, 18)


def test_a_month_is_its_own(instance):
    last = date(2026, 9, 30)
    join(
        instance,
        [window(instance.public_id, 287, day=last), window(instance.public_id, 0, day=DAY)],
    )
    assert of_october(instance).known == ones(0, 5)
    september = probe_days.of_month([instance.pk], last)[instance.pk]
    assert september.known == 0b11111 << (30 * 1440 - 5)


def test_a_day_without_answers_moves_no_other(instance):
    for day, latency in ((DAY, b""), (DAY + timedelta(days=2), b"\0\5" + bytes(574))):
        ProbeDay.objects.create(instance=instance, day=day, known=1, bad=0, latency=latency)
    found = of_october(instance)
    assert [(n, value) for n, value in enumerate(found.latencies) if value] == [(8 * 288, 5)]
    assert found.known == ones(0, 1) | ones(2 * 1440, 2 * 1440 + 1)


def test_what_is_too_old_is_forgotten(instance, settings):
    settings.POLDER_PROBES_KEPT_DAYS = 1
    today = datetime.now(UTC).date()
    for day in (today, today - timedelta(days=2)):
        join(instance, [window(instance.public_id, 0, day=day)])
    assert probe_days.forget() == 1
    assert ProbeDay.objects.get().day == today


def test_ranges_and_bits_are_the_same_minutes(instance):
    pick = random.Random(5)
    for density in (0, 1, 3, 700, 1440):
        bits = sum(1 << minute for minute in pick.sample(range(1440), density))
        ProbeDay.objects.update_or_create(
            instance=instance, day=DAY, defaults={"known": bits, "bad": 0, "latency": b""}
        )
        assert ProbeDay.objects.get().known == bits


def test_ranges_are_written_as_postgresql_reads_them():
    assert ranges_of(0) == "{}"
    assert ranges_of(0b1100111) == "{[0,3),[5,7)}"
    with pytest.raises(ValueError, match="not of a day"):
        bits_of([type("Open", (), {"lower": 1, "upper": None})()])


# -- the program ---------------------------------------------------------------------------------


def with_endpoint(instance, port):
    instance.endpoints = [
        {
            "name": "client",
            "protocol": "redis",
            "host": "127.0.0.1",
            "port": port,
            "uri": "",
            "tls": False,
        }
    ]
    instance.save()


@pytest.mark.parametrize(
    ("changed", "asked"),
    [
        ({}, 1),
        ({"phase": "updating"}, 1),
        ({"phase": "creating"}, 0),
        ({"phase": "paused", "paused": True}, 0),
        ({"phase": "in_bin"}, 0),
        ({"phase": "deleting"}, 0),
        ({"endpoints": []}, 0),
    ],
)
def test_who_should_serve_is_asked(instance, changed, asked):
    with_endpoint(instance, 6379)
    for name, value in changed.items():
        setattr(instance, name, value)
    instance.save()
    assert len(targets_of(instance.region, outside=False)) == asked
    assert targets_of(instance.region, outside=True) == []


class Fast:
    """A clock on which twenty seconds pass in `every`."""

    def __init__(self, every):
        self.every, self.began = every, time.monotonic()

    def __call__(self):
        passed = (time.monotonic() - self.began) / self.every * 20
        return datetime(2026, 10, 7, 12, tzinfo=UTC) + timedelta(seconds=passed)


async def serve(reader, writer):
    while await reader.read(100):
        writer.write(b"+PONG\r\n")
        await writer.drain()
    writer.close()


async def probed(instance, prober, *, rounds, hang_at):
    """Runs a prober for so many rounds against a server that is away after `hang_at` of them."""
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    await asyncio.to_thread(listen_at, instance, server.sockets[0].getsockname()[1])
    running = asyncio.create_task(prober.run())
    while prober.asked < hang_at:
        await asyncio.sleep(0.01)
    server.close()
    while prober.asked < rounds:
        await asyncio.sleep(0.01)
    prober.stop.set()
    await running


def listen_at(instance, port):
    with_endpoint(instance, port)
    connections.close_all()


@pytest.mark.django_db(transaction=True)
def test_what_fails_is_written_as_bad_minutes():
    instance = make_cache()

    async def go():
        prober = prober_of(instance.region, now=Fast(0.04), every=0.04)
        await probed(instance, prober, rounds=24, hang_at=12)
        return prober

    prober = asyncio.run(go())
    found = of_october(instance)
    good = found.known & ~found.bad
    assert 0 < prober.failed < prober.asked
    assert found.bad.bit_count() >= 2
    assert good.bit_length() < found.bad.bit_length() <= found.known.bit_length()
    assert any(found.latencies)


@pytest.mark.django_db(transaction=True)
def test_minutes_wait_for_a_database_that_is_away(monkeypatch):
    instance = make_cache()
    refusals = iter([DatabaseError("away")])
    add = probe_days.add

    def sometimes(windows, *, region):
        for error in refusals:
            raise error
        add(windows, region=region)

    monkeypatch.setattr(probe_days, "add", sometimes)

    async def go():
        prober = prober_of(instance.region)
        await prober._write([window(instance.public_id, 0)])
        assert await prober._with_store(ProbeDay.objects.count) == 0
        await prober._write([window(instance.public_id, 1)])
        await prober._with_store(connections.close_all)

    asyncio.run(go())
    assert of_october(instance).known == ones(0, 10)


@pytest.mark.parametrize(
    ("late", "verdict", "expected"),
    [
        (0.0, Verdict(State.UP, 900), Verdict(State.UP, 900)),
        (0.01, Verdict(State.UP, 900), Verdict(State.UP)),
        (0.01, Verdict(State.DOWN, why="no-answer"), Verdict(State.DOWN, why="no-answer")),
        (2.6, Verdict(State.DOWN, why="refused"), Verdict(State.DOWN, why="refused")),
    ],
)
def test_what_we_were_late_for_is_not_their_fault(late, verdict, expected):
    async def go():
        prober = prober_of(make_region_unsaved())
        prober._late_at.append((time.monotonic(), late))
        return prober._fair(verdict, time.monotonic() - 1)

    assert asyncio.run(go()) == expected


def make_region_unsaved():
    return Region(code="eu-1", backend="process")


@pytest.mark.django_db
def test_nobody_asks_a_cluster_from_elsewhere(monkeypatch):
    make_region("far", backend="kubernetes")
    monkeypatch.setattr(probe, "in_a_cluster", lambda: False)
    with pytest.raises(CommandError, match="not in the cluster of far"):
        call_command("probe", region="far")


@pytest.mark.django_db
def test_a_region_must_be_there():
    with pytest.raises(CommandError, match="no region nowhere"):
        call_command("probe", region="nowhere")


def test_the_minutes_of_an_offering_are_added_up(instance):
    join(instance, [window(instance.public_id, 0, bad=(1, 2)), window(instance.public_id, 1)])
    join(instance, [window(instance.public_id, 0, bad=(1,))])
    (found,) = probe_days.served_since(DAY)
    assert (found.region, found.offering) == (instance.region_id, "redis")
    assert (found.known, found.bad) == (10, 2)
    assert probe_days.served_since(DAY + timedelta(days=1)) == []
