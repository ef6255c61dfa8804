"""How quick the page of promises is, over HTTP, by a real server of this process: one organisation
with many services, each probed all month long.

    POLDER_INSTANCES=1000 python -m pytest -m numbers -s tests/billing/numbers/test_sla_http.py
"""

import os
from datetime import UTC, date, datetime

import pytest
from django.db import connection

from billing import sla_months
from portal.kernel import clock
from portal.tenancy.permissions import Role
from services.instances.models import Instance
from tests.billing.numbers.made import asked
from tests.billing.numbers.test_http import reads, told
from tests.makers import make_member, make_project, make_region, make_token, signed_in

INSTANCES = asked("POLDER_INSTANCES", 30)
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
pytestmark = [
    pytest.mark.numbers,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("prices", "plain_static"),
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
cross join generate_series(date '2026-10-01', date '2026-11-25', interval '1 day') d"""


@pytest.fixture
def project(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOW)
    project, region = make_project(), make_region()
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
            created_at=datetime(2026, 9, 3, 10, number % 60, tzinfo=UTC),
        )
        for number in range(INSTANCES)
    )
    with connection.cursor() as cursor:
        cursor.execute(_LIVES)
        cursor.execute(_PROBES, [])
        cursor.execute("analyze")
    return project


def test_promises_over_http(project, live_server, client):
    owner = make_member(project, Role.OWNER)
    cookies = signed_in(client, owner).cookies
    session = "; ".join(f"{name}={cookie.value}" for name, cookie in cookies.items())
    token = make_token(owner)
    print(f"\nload {os.getloadavg()[0]:.1f}; {INSTANCES:,} services, a month of minutes each")
    told("page, the month that runs", reads(live_server, "/sla/", Cookie=session))
    told("page, its last part", reads(live_server, "/sla/?page=9999", Cookie=session))
    address = f"/api/v1/sla?instance=pg-{0:08x}"
    told("API, one service", reads(live_server, address, Authorization=f"Bearer {token}"))
    sla_months.settle(project.organisation, date(2026, 10, 1))
    told("page, a month that is settled", reads(live_server, "/sla/?month=2026-10", Cookie=session))
