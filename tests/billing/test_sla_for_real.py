"""From a server that hangs to the cents on the invoice's draft: a real Valkey, a real prober."""

import asyncio
import os
import signal
import time
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import psutil
import pytest
from django.db import connections

from billing import cycle
from billing.einvoice.stored import from_json
from billing.einvoice.totals import totals
from billing.models import CostLine, Invoice, InvoiceRun
from billing.month_end import runs
from portal.kernel import clock
from portal.kernel.actor import SYSTEM
from services.instances.models import Instance, InstanceEvent, ProbeDay
from services.instances.probing import prober_of
from tests.billing.einvoice.test_drafting import a_provider, known  # noqa: F401  # fixtures
from tests.makers import make_instance, make_project, make_region
from tests.services.engines.conftest import home, run_offering  # noqa: F401  # fixtures

pytestmark = [
    pytest.mark.engine,
    pytest.mark.alone,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("prices", "fake", "a_provider"),
]

MONTH = date(2026, 10, 1)
LAST_HOUR = datetime(2026, 10, 31, 23, 10, tzinfo=UTC)
EVERY, PATIENCE = 0.8, 0.2  # seconds, for twenty and five of the clock that the prober has


class Hurried:
    """The last hour of October, twenty-five times as fast."""

    def __init__(self):
        self.began = time.monotonic()

    def __call__(self):
        passed = (time.monotonic() - self.began) / EVERY * 20
        return LAST_HOUR + timedelta(seconds=passed)


def processes(handle):
    parent = psutil.Process(handle.backend.supervisor.state(handle.spec.name).pid)
    return [parent.pid, *(child.pid for child in parent.children(recursive=True))]


def tell(pids, number):
    for pid in pids:
        os.kill(pid, number)


def with_a_service(handle):
    """The row of what runs, as if it had been ordered an hour before the end of October."""
    made = make_instance(make_project(), make_region(), offering="redis", plan="single-2x4")
    InstanceEvent.objects.all().delete()
    endpoints = [
        {name: getattr(one, name) for name in ("name", "protocol", "host", "port", "uri", "tls")}
        for one in handle.observe().endpoints
    ]
    Instance.objects.filter(pk=made.pk).update(endpoints=endpoints, created_at=LAST_HOUR)
    InstanceEvent.objects.create(instance=made, code="created", at=LAST_HOUR, plan=made.plan)
    return Instance.objects.select_related("region", "project__organisation").get(pk=made.pk)


async def watched(instance, handle):
    """Well for a while, then hanging until it is let go, then killed and back again by itself."""
    now = Hurried()
    prober = prober_of(instance.region, now=now, every=EVERY, patience=PATIENCE)
    running = asyncio.create_task(prober.run())
    await until(lambda: now() > LAST_HOUR + timedelta(minutes=6))
    pids = processes(handle)
    tell(pids, signal.SIGSTOP)
    await until(lambda: now() > LAST_HOUR + timedelta(minutes=20))
    tell(pids, signal.SIGCONT)
    await until(lambda: now() > LAST_HOUR + timedelta(minutes=26))
    os.kill(pids[0], signal.SIGKILL)
    await until(lambda: now() > LAST_HOUR + timedelta(minutes=41))
    prober.stop.set()
    await running


async def until(is_so):
    while not is_so():
        await asyncio.sleep(0.01)


def test_what_hung_is_credited_on_the_draft_to_the_cent(run_offering, monkeypatch):  # noqa: F811  # the fixture
    handle = run_offering("redis")
    instance = with_a_service(handle)
    connections.close_all()
    asyncio.run(watched(instance, handle))
    (day,) = ProbeDay.objects.all()
    assert day.day == date(2026, 10, 31)
    good = day.known & ~day.bad
    assert 10 <= day.bad.bit_count() <= 20
    assert good.bit_count() >= 15
    assert good.bit_length() > day.bad.bit_length()  # it came back

    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 11, 2, tzinfo=UTC))
    known(instance.project.organisation)
    run = runs.run(actor=SYSTEM, month=MONTH, kind=InvoiceRun.Kind.DRAFT)
    assert (run.drafted, run.held_up) == (1, {})
    cost = sum(CostLine.objects.filter(category="usage").values_list("effective_cost", flat=True))
    credit = CostLine.objects.get(category="credit")
    assert credit.reference == f"sla:2026-10:{instance.public_id}"
    assert -credit.billed_cost == cost.quantize(Decimal("0.01"))  # under 95 %: all of it
    document = from_json(Invoice.objects.get().document)
    (allowance,) = document.allowances
    assert allowance.amount == -credit.billed_cost
    assert totals(document).net == sum(line.net for line in document.lines) - allowance.amount
    cycle.meter_and_rate()
    again = runs.run(actor=SYSTEM, month=MONTH, kind=InvoiceRun.Kind.DRAFT)
    assert again.held_up == {}
    assert CostLine.objects.get(category="credit").billed_cost == credit.billed_cost
