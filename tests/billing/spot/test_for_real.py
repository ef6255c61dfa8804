"""A real Valkey on spare capacity: ordered, told to leave, paused, back again, with its data, and
billed to the cent.
"""

import time
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
import redis

from billing.metering import records as metering
from billing.models import CostLine
from billing.rating import months as rating
from billing.spot import resuming
from portal.kernel import clock
from portal.outbox.models import OutboxEntry
from services import backends, registry
from services.backends.process.backend import ProcessBackend
from services.instances import interruptions, work
from services.instances.models import Instance, InstanceEvent, Operation
from services.instances.specs import entry_of, spec_of
from services.instances.states import OPEN
from tests.makers import make_project, make_region, make_staff, order
from tests.services.engines.conftest import ensure_engine, home  # noqa: F401  # a fixture

pytestmark = [pytest.mark.engine, pytest.mark.django_db, pytest.mark.usefixtures("prices")]
_REAL = clock.now


@pytest.fixture
def later(monkeypatch):
    """The clock goes on as ever, and is put forward."""
    ahead = [timedelta()]
    monkeypatch.setattr(clock, "now", lambda: _REAL() + ahead[0])

    def put_forward(**passed):
        ahead[0] += timedelta(**passed)

    return put_forward


def worked(operation):
    """As workers do it, until it has ended."""
    until = time.monotonic() + 240
    while True:
        operation.refresh_from_db()
        if operation.state not in OPEN:
            assert operation.state == "succeeded", (operation.error_code, operation.error_detail)
            return operation
        assert time.monotonic() < until, operation.steps
        Operation.objects.filter(pk=operation.pk).update(next_attempt_at=None)
        work.take_turn(operation.pk)
        time.sleep(0.05)


def looked():
    """What beat does, and workers after it."""
    interruptions.sweep()
    resuming.resume_waiting()
    for operation in Operation.objects.filter(state__in=OPEN):
        worked(operation)
    interruptions.sweep()


def fresh(instance):
    return Instance.objects.select_related("region", "project__organisation").get(pk=instance.pk)


def client(instance):
    backend = backends.backend_for(instance.region)
    found = backend.credentials(entry_of(instance), spec_of(instance))
    return redis.Redis(
        host=found.host,
        port=found.port,
        username=found.username or None,
        password=str(found.password),
        socket_timeout=60,
    )


def test_ordered_interrupted_and_back_with_its_data(home, later, monkeypatch):  # noqa: F811  # the fixture
    backend = ProcessBackend(home)
    monkeypatch.setitem(backends.BACKENDS, "process", lambda region: backend)
    process = registry.get("redis").process
    for name in (process.engine(registry.get("redis").versions("process")[0].id), *process.ALSO):
        ensure_engine(name)
    region, staff = make_region("local", backend="process", spot_vcpu=2), make_staff()
    made = worked(order(make_project(), region, offering="redis", plan="single-2x4", spot=True))
    instance = fresh(made.instance)
    try:
        client(instance).set("kept", "all of it")

        later(minutes=10)
        (told,) = interruptions.offer_spare(actor=staff, region=region, vcpu=Decimal(0))
        assert OutboxEntry.objects.get(kind="service.spot_notice").target == instance.public_id
        later(seconds=110)
        looked()
        assert client(instance).get("kept") == b"all of it"  # two minutes are two minutes

        later(seconds=11)
        assert told.due_at <= clock.now()
        looked()
        assert fresh(instance).phase == "paused"
        with pytest.raises(redis.exceptions.ConnectionError):
            client(instance).ping()

        later(hours=3)
        looked()
        assert fresh(instance).phase == "paused"
        interruptions.offer_spare(actor=staff, region=region, vcpu=Decimal(2))
        looked()
        assert fresh(instance).phase == "running"
        assert client(fresh(instance)).get("kept") == b"all of it"

        later(minutes=5)
        assert_billed(instance)
    finally:
        gone = fresh(instance)
        backend.destroy(entry_of(gone), spec_of(gone), lambda code, **_: None)


def assert_billed(instance):
    """Compute for the time it ran at 35 % of list, storage all the time at list; exactly."""
    at = {
        event.code: event.at.replace(microsecond=0)
        for event in InstanceEvent.objects.filter(instance=instance)
    }
    now = clock.now().replace(microsecond=0)
    ran = (at["pause_requested"] - at["created"]) + (now - at["resumed"])
    assert timedelta(minutes=17) <= ran < timedelta(minutes=25)
    for month in {at["created"].date().replace(day=1), now.date().replace(day=1)}:
        metering.meter(month, until=now)
        rating.rate(month)
    seconds, lived = (int(span.total_seconds()) for span in (ran, now - at["created"]))
    hourly = (2 * Fraction("0.01980") + 4 * Fraction("0.01188")) * Fraction("0.35")
    plan = entry_of(instance).offering.plan(instance.plan)
    lines = CostLine.objects.filter(instance=instance)
    compute = sum(Fraction(line.billed_cost) for line in lines.filter(price__book="spot-0.35"))
    assert compute == hourly * seconds / 3600
    stored = lines.filter(meter="storage_gib")
    assert sum(line.quantity for line in stored) == plan.storage_gib * lived
    assert {line.price.book for line in stored} == {"list"}
