"""How quick the page of promises is, over HTTP, by the web server of `make run` as a process of its
own: one organisation with many services, each probed all month long.

    POLDER_INSTANCES=1000 python -m pytest -m numbers -s tests/billing/numbers/test_sla_http.py
"""

import os
from datetime import UTC, datetime, time, timedelta

import pytest
from django.db import connection

from billing.sla import months
from portal.kernel import clock
from portal.tenancy.permissions import Role
from services.instances.models import Instance
from tests.billing.numbers.made import asked
from tests.billing.numbers.reading import MOST_CPU, MOST_CPU_OF_MANY, TIMES, measure
from tests.makers import make_member, make_project, make_region, make_token
from tests.serving import served, session_of

INSTANCES = asked("POLDER_INSTANCES", 30)
pytestmark = [
    pytest.mark.numbers,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("prices", "fake"),
]

_LIVES = """
insert into instances_instanceevent (instance_id, at, code, plan, version, params)
select id, created_at, 'created', plan, version, '{}' from instances_instance"""
# Every minute is known; a tenth of the days has three bad ones; answers take up to 4 ms.
_PROBES = """
insert into instances_probeday (instance_id, day, known, bad, latency)
select i.id, d::date, '{[0,1440)}',
  case when (i.id + extract(doy from d)::int) %% 10 = 0 then '{[600,602),[900,901)}' else '{}' end
    ::int4multirange,
  (select string_agg(int2send((1 + (n * 7 + i.id) %% 40)::int2), '') from generate_series(1, 288) n)
from instances_instance i
cross join generate_series(%s::date, %s::date, interval '1 day') d"""


@pytest.fixture
def month():
    """The first day of the last month that is over."""
    return (clock.now().date().replace(day=1) - timedelta(days=1)).replace(day=1)


@pytest.fixture
def project(month):
    project, region = make_project(), make_region()
    began = datetime.combine(month - timedelta(days=28), time(10), UTC)
    Instance.objects.bulk_create(
        Instance(
            public_id=f"pg-{number:08x}",
            project=project,
            region=region,
            offering="postgresql",
            name=f"orders-{number}",
            version="17",
            plan="single-2x8",
            phase="running",
            created_at=began + timedelta(minutes=number % 60),
        )
        for number in range(INSTANCES)
    )
    with connection.cursor() as cursor:
        cursor.execute(_LIVES)
        cursor.execute(_PROBES, [month, clock.now().date() - timedelta(days=1)])
        cursor.execute("analyze")
    return project


def test_promises_over_http(project, month):
    owner = make_member(project, Role.OWNER)
    session = session_of(owner)
    token = {"Authorization": f"Bearer {make_token(owner)}"}
    months.settle(project.organisation, month)
    rows = [
        ("the month that runs", "/sla/", session),
        ("its last part", "/sla/?page=9999", session),
        ("a month that is settled", f"/sla/?month={month:%Y-%m}", session),
        ("API, one service", f"/api/v1/sla?instance=pg-{0:08x}", token),
    ]
    print(f"\n{INSTANCES:,} services, {TIMES} requests each; load {os.getloadavg()[0]:.1f}")
    print("| what | p50 ms | p95 ms | CPU ms, web + database | size |")
    with served() as server:
        used = {name: measure(server, name, address, who) for name, address, who in rows}
    assert used.pop("API, one service") < MOST_CPU
    assert max(used.values()) < MOST_CPU_OF_MANY
