"""How quick costs are read over HTTP, by a real server of this process: a month of one project and
of the whole cloud, and the explorer of a small organisation and of one with a fifth of all lines.

    POLDER_LINES=1000000 python -m pytest -m numbers -s tests/billing/numbers/test_http.py
"""

import http.client
import os
import statistics
import time
from datetime import UTC, date, datetime

import pytest
from django.db import connection

from billing.models import CostLine
from portal.kernel import clock
from portal.tenancy.models import Organisation, Project
from portal.tenancy.permissions import Role
from tests.billing.numbers.made import asked, make_cloud
from tests.makers import make_member, make_token, make_user, signed_in

LINES = asked("POLDER_LINES", 20_000)
INSTANCES = asked("POLDER_INSTANCES", 200)
TIMES = asked("POLDER_TIMES", 15)
pytestmark = [
    pytest.mark.numbers,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("plain_static"),
]

# A year of days; a fifth of all lines is of the last organisation.
_FILL = """
insert into billing_costline (organisation_id, project_id, instance_id, tag_set_id, price_id,
  offering, region, price_class, meter, day, category, is_correction, tier, unit, quantity,
  list_unit_price, contracted_unit_price, list_cost, contracted_cost, effective_cost, billed_cost,
  currency)
select p.organisation_id, i.project_id, i.id, null, null, i.offering, 'local', 'big.class', m.meter,
  date '2025-12-01' + (n::bigint * 360 / %(lines)s)::int, 'usage', false, 1, 'hour',
  86400, 0.02592, 0.02592, 0.62208, 0.62208, 0.62208, 0.62208, 'EUR'
from generate_series(0, %(lines)s - 1) n
join unnest(array['vcpu', 'memory_gib', 'storage_gib']) with ordinality m (meter, k)
  on m.k = n %% 3 + 1
join numbered i on i.place = case when n %% 5 = 0 then %(whale)s + (n / 5) %% 50
  else (n / 3) %% %(whale)s end
join tenancy_project p on p.id = i.project_id"""

_SUM = """
insert into billing_costrollup (organisation_id, project_id, tag_set_id, offering, region, category,
  day, list_cost, contracted_cost, effective_cost, billed_cost, currency)
select organisation_id, project_id, tag_set_id, offering, region, category, day, sum(list_cost),
  sum(contracted_cost), sum(effective_cost), sum(billed_cost), currency
from billing_costline
group by organisation_id, project_id, tag_set_id, offering, region, category, day, currency"""


@pytest.fixture
def filled(monkeypatch):
    """Small organisations of ten instances, and a whale of fifty."""
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 11, 26, tzinfo=UTC))
    make_cloud(organisations=max(1, INSTANCES // 10), instances=INSTANCES)
    whale = make_cloud(organisations=1, instances=50)
    values = {"lines": LINES, "whale": INSTANCES}
    with connection.cursor() as cursor:
        cursor.execute("""
            create temporary table numbered as
            select i.*, row_number() over (order by i.id) - 1 as place from instances_instance i""")
        cursor.execute(_FILL, values)
        cursor.execute(_SUM)
        cursor.execute("analyze")
    return whale.organisations[0]


def reads(server, address, **headers):
    """Milliseconds of each of some requests, on connections of their own; 200 each."""
    found = []
    for _ in range(TIMES):
        began = time.monotonic()
        connection = http.client.HTTPConnection(server.thread.host, server.thread.port)
        connection.request("GET", address, headers=headers)
        answer = connection.getresponse()
        answer.read()
        connection.close()
        assert answer.status == 200
        found.append((time.monotonic() - began) * 1000)
    return sorted(found)


def told(name, found):
    p95 = found[min(len(found) - 1, round(len(found) * 0.95))]
    print(f"  {name}: p50 {statistics.median(found):.0f} ms, p95 {p95:.0f} ms")


def test_costs_over_http(filled, live_server, client):
    load, lines = os.getloadavg()[0], CostLine.objects.count()
    print(f"\nload {load:.1f}; {lines:,} lines, {INSTANCES + 50:,} instances")
    small = Organisation.objects.filter(slug__startswith="big-").earliest("pk")
    staff = signed_in(client, make_user(is_staff=True)).cookies
    session = "; ".join(f"{name}={cookie.value}" for name, cookie in staff.items())
    for which, organisation in (("small", small), ("whale", Organisation.objects.get(pk=filled))):
        project = Project.objects.filter(organisation=organisation).earliest("pk")
        token = make_token(make_member(project, Role.OWNER))
        headers = {"Authorization": f"Bearer {token}"}
        month = "from=2026-10-01T00:00:00Z&to=2026-11-01T00:00:00Z"
        quarter = "from=2026-08-28T00:00:00Z&to=2026-11-26T00:00:00Z"
        year = "from=2025-12-01T00:00:00Z&to=2026-11-26T00:00:00Z"
        for name, query in {
            "a month of one project": f"{month}&period=month&project={project.slug}",
            "90 days, day × offering": f"{quarter}&period=day&group_by=offering",
            "a year, month × offering": f"{year}&period=month&group_by=offering",
            "a month, by service": f"{month}&period=month&group_by=instance",
        }.items():
            told(f"{which}: {name}", reads(live_server, f"/api/v1/costs?{query}", **headers))
    told("staff: a month of the whole cloud", reads(live_server, "/staff/revenue/?month=2026-10",
                                                    Cookie=session))  # fmt: skip
    assert date(2026, 10, 1) in set(CostLine.objects.values_list("day", flat=True).distinct())
