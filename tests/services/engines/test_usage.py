"""A real server that keeps more than its plan is counted for it, up to the cost line."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from billing import cycle
from billing.models import CostLine, UsageEvent, UsageRecord
from billing.usage import reporting
from portal.kernel import clock
from services import backends
from services.instances import specs
from services.instances.models import Instance, InstanceEvent
from tests.makers import make_instance, make_project, make_region
from tests.services.engines.test_postgresql import connect

START = datetime(2026, 10, 20, 9, tzinfo=UTC)
# Some 2.1 GiB without a log of them, a row a page.
_FILL = """
create unlogged table kept as
select n, repeat('x', 7900) as filler from generate_series(1, 0) as n;
alter table kept alter column filler set storage plain;
insert into kept select n, repeat('x', 7900) from generate_series(1, 280000) as n"""


@pytest.mark.django_db
@pytest.mark.usefixtures("prices", "fake")
def test_disk_beyond_the_plan_comes_to_a_cost_line(run_offering, monkeypatch):
    handle = run_offering("postgresql")
    small = replace(handle.spec, plan=replace(handle.spec.plan, storage_gib=1))
    instance = make_instance(make_project(), make_region(), plan="dev-1x1")
    Instance.objects.update(public_id=small.name, created_at=START)
    InstanceEvent.objects.update(at=START)
    monkeypatch.setitem(backends.BACKENDS, "fake", lambda region: handle.backend)
    monkeypatch.setattr(reporting, "spec_of", lambda row, with_secrets: small)

    def look(minute):
        monkeypatch.setattr(clock, "now", lambda: START + timedelta(minutes=minute))
        return reporting.look_at_region(instance.region_id)

    assert look(10) == 0
    with connect(handle) as c:
        c.execute(_FILL)
    look(20)
    look(50)
    assert look(61) == 1
    event = UsageEvent.objects.get()
    gibibytes = event.quantity / (41 * 60)
    assert (event.meter, gibibytes) == ("storage_gib", Decimal(1))  # 2.1 GiB of tables, 1 of plan
    cycle.meter_and_rate()
    plan_time = specs.entry_of(instance).offering.plan("dev-1x1").storage_gib * 61 * 60
    row = UsageRecord.objects.get(meter="storage_gib")
    assert row.quantity == plan_time + event.quantity
    assert (
        sum(line.quantity for line in CostLine.objects.filter(meter="storage_gib")) == row.quantity
    )
