"""What real clients ask of real servers stands in the usage that tenants read, exactly and once;
what Polder asks itself does not.
"""

import asyncio
import contextlib
import os
import signal
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import redis
from confluent_kafka import KafkaException

from billing import cycle
from billing.models import CostLine, CounterLook, UsageEvent
from billing.usage import reporting
from portal.kernel import clock
from portal.tenancy.permissions import Role
from services import backends
from services.instances.models import Instance, InstanceEvent
from services.probes.asking import Names, State, ask, question
from tests.makers import make_instance, make_member, make_project, make_region
from tests.portal.api import Api
from tests.services.engines import test_kafka as kafka_clients
from tests.services.engines import test_memcached as memcached_clients
from tests.services.engines import test_nats as nats_clients
from tests.services.engines import test_object_storage as s3_clients
from tests.services.engines import test_rabbitmq as rabbitmq_clients

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("prices", "fake")]
START = datetime(2026, 10, 20, 9, tzinfo=UTC)


class Counting:
    """A running server, looked at as the region's workers do."""

    def __init__(self, handle, instance, monkeypatch):
        self.handle, self.instance, self._patch = handle, instance, monkeypatch
        self.minute = 0

    def look(self, minutes=5):
        """How many events came of it."""
        self.minute += minutes
        moment = START + timedelta(minutes=self.minute)
        self._patch.setattr(clock, "now", lambda: moment)
        return reporting.look_at_region(self.instance.region_id)

    def pending(self):
        found = CounterLook.objects.get().pending
        return {meter: int(Decimal(text)) for meter, text in found.items()}

    def look_until(self, **wanted):
        """Some servers tell seconds late."""
        until = time.monotonic() + 240
        while True:
            self.look(0.05)
            if self.pending() == wanted or time.monotonic() > until:
                assert self.pending() == wanted
                return
            time.sleep(0.5)

    def probed(self):
        """As the readiness check and the probers from outside ask it, several times each."""
        handle, names = self.handle, Names()
        asked = question(handle.entry.offering.probe, handle.observe().endpoints, outside=False)

        async def probe():
            return [await ask(asked, names, seconds=60) for _ in range(5)]

        assert {verdict.state for verdict in asyncio.run(probe())} == {State.UP}
        assert {handle.observe().observed for _ in range(5)} == {"ready"}

    def kill(self):
        """The server goes at once and comes back by itself."""
        state = self.handle.backend.supervisor.state(self.handle.spec.name)
        os.kill(state.pid, signal.SIGKILL)
        until = time.monotonic() + 240
        while True:
            now = self.handle.backend.supervisor.state(self.handle.spec.name)
            if now.pid not in (0, state.pid) and self.handle.observe().observed == "ready":
                return
            assert time.monotonic() < until, now
            time.sleep(0.1)

    def usage(self, meter):
        """What `GET /api/v1/usage` has of it, all days together."""
        cycle.meter_and_rate()
        viewer = Api(make_member(self.instance.project, Role.VIEWER))
        path = f"usage?instance={self.instance.public_id}&meter={meter}"
        return [Decimal(row["quantity"]) for row in viewer.get(path).json()["results"]]


@pytest.fixture
def counting(run_offering, monkeypatch):
    def run(slug, **more):
        handle = run_offering(slug, **more)
        made = make_instance(make_project(), make_region(), plan="dev-1x1")
        Instance.objects.update(public_id=handle.spec.name, offering=slug, created_at=START)
        InstanceEvent.objects.update(at=START)
        monkeypatch.setitem(backends.BACKENDS, "fake", lambda region: handle.backend)
        monkeypatch.setattr(reporting, "spec_of", lambda row, with_secrets: handle.spec)
        instance = Instance.objects.select_related("project", "region").get(pk=made.pk)
        return Counting(handle, instance, monkeypatch)

    return run


def publish(handle, count):
    """In one channel, and each kept by the server."""
    with rabbitmq_clients.channel(handle) as channel:
        channel.queue_declare("words", durable=True)
        channel.confirm_delivery()
        for _ in range(count):
            channel.basic_publish("", "words", b"x")


def send(handle, count):
    async def work(connection):
        for _ in range(count):
            await connection.publish("words", b"x")
        await connection.flush()

    nats_clients.call(handle, work)


def produce(handle, count):
    with contextlib.suppress(KafkaException):  # it is there
        kafka_clients.make_topic(handle, TOPIC)
    kafka_clients.write(handle, count, topic=TOPIC)


def cache(handle, count):
    """Half of them reads."""
    connection = memcached_clients.Connection(handle)
    for number in range(count):
        assert connection.get("x") is None if number % 2 else connection.put("y", "1")
    connection.close()


def command(handle, count):
    client = redis.Redis.from_url(str(handle.credentials.uri))
    for number in range(count):
        client.set("x", number)
    client.ping()
    client.close()


TOPIC = "words"
COUNTED = [
    ("rabbitmq", "messages", publish),
    ("nats", "messages", send),
    ("kafka", "messages", produce),
    ("memcached", "requests", cache),
    ("redis", "requests", command),
]


@pytest.mark.parametrize(("slug", "meter", "put"), COUNTED, ids=[slug for slug, *_ in COUNTED])
def test_what_clients_ask_counts_once_whatever_happens_between(counting, slug, meter, put):
    one = counting(slug)
    one.probed()
    one.look()
    assert one.pending() == {meter: 0}
    put(one.handle, 7)
    one.look_until(**{meter: 7})
    one.probed()
    if slug == "rabbitmq":
        time.sleep(6)  # so that nothing is under way that it would tell later
    one.look()
    one.look(0)  # twice
    assert one.pending() == {meter: 7}

    one.kill()  # counters begin anew, and what they had is not counted again
    one.look()
    assert one.pending() == {meter: 7}
    put(one.handle, 20)  # past where it stood before
    one.look_until(**{meter: 27})
    one.handle.pause()
    one.look()
    one.handle.resume()
    put(one.handle, 3)
    one.look_until(**{meter: 30})

    assert one.look(60) == 1
    assert UsageEvent.objects.get().quantity == 30
    assert one.usage(meter) == [30]
    line = CostLine.objects.get(meter=meter)
    assert (line.quantity, line.billed_cost) == (30, 0)


def test_requests_for_buckets_are_told_apart_and_polder_makes_none(counting):
    one = counting("object-storage", layout="lake")
    one.probed()
    one.look()
    assert one.pending() == {"read_requests": 0, "write_requests": 0}
    s3 = s3_clients.client(one.handle)
    s3.create_bucket(Bucket="more")
    for number in range(5):
        s3.put_object(Bucket="data", Key=f"k{number}", Body=b"x")
    for number in range(3):
        s3.get_object(Bucket="data", Key=f"k{number}")["Body"].read()
    s3.head_object(Bucket="data", Key="k0")
    s3.list_objects_v2(Bucket="data")
    s3.delete_object(Bucket="data", Key="k4")
    one.probed()
    one.look()
    assert one.pending() == {"read_requests": 5, "write_requests": 7}
    one.look()
    one.kill()
    one.probed()
    one.look()
    s3.put_object(Bucket="more", Key="k", Body=b"x")
    assert one.look(60) == 2
    assert (one.usage("read_requests"), one.usage("write_requests")) == ([5], [8])
