"""How quick costs are read over HTTP, by the web server of `make run` as a process of its own: a
month of one project and of the whole cloud, the explorer as a page, as CSV and in the API.

    POLDER_LINES=1000000 POLDER_INSTANCES=1050 python -m pytest -m numbers -s \
      tests/billing/numbers/test_http.py
"""

from __future__ import annotations

import os
import time
from datetime import date, timedelta
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from billing.models import CostLine
from portal.kernel import clock
from portal.tenancy.models import Organisation, Project
from portal.tenancy.permissions import Role
from tests.billing.numbers.filled import LINES, fill
from tests.billing.numbers.reading import MOST_CPU, MOST_CPU_OF_MANY, TIMES, measure
from tests.makers import make_member, make_token, make_user, signed_in
from tests.serving import served, session_of

MOST_QUERIES = 25
MOST_FIRST_CPU = 400  # ms
pytestmark = [
    pytest.mark.numbers,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("prices", "fake"),
]


@pytest.fixture
def filled():
    found = fill()
    yield found
    with connection.cursor() as cursor:  # quicker than what Django does after each test
        cursor.execute("truncate billing_costline, billing_costrollup, billing_instancerollup")


def pages_of(month: date) -> dict[str, str]:
    """Of the cost explorer. Every one compares with the time before, and says why it changed."""
    whole = {"month": f"{month:%Y-%m}"}
    asked_for = {
        "default page (this month, day × type)": {},
        "the last whole month": whole,
        "day × service": whole | {"by": "instance"},
        "day × tag": whole | {"by": "tag:team"},
        "12 months × family": {"period": "month", "by": "family"},
        "12 months × project": {"period": "month", "by": "project"},
        "12 months × tag": {"period": "month", "by": "tag:team"},
        "12 months × service": {"period": "month", "by": "instance"},
    }
    pages = {name: f"/costs/?{urlencode(query)}" for name, query in asked_for.items()}
    csv = {
        "CSV, day × service": whole | {"by": "instance"},
        "CSV, 12 months × family": {"period": "month", "by": "family"},
    }
    return pages | {name: f"/costs/costs.csv?{urlencode(query)}" for name, query in csv.items()}


def answers_of(month: date, project: str) -> dict[str, str]:
    """Of the API."""
    today = clock.now().date()
    following = (month + timedelta(days=32)).replace(day=1)
    in_month = {"from": f"{month}T00:00:00Z", "to": f"{following}T00:00:00Z", "period": "month"}
    quarter = {"from": f"{today - timedelta(days=90)}T00:00:00Z", "to": f"{today}T00:00:00Z"}
    year = {"from": f"{today - timedelta(days=364)}T00:00:00Z", "to": f"{today}T00:00:00Z"}
    asked_for = {
        "a month of one project": in_month | {"project": project},
        "a month of the organisation, by service": in_month | {"group_by": "instance"},
        "90 days, day × type": quarter | {"period": "day", "group_by": "offering"},
        "90 days, day × service": quarter | {"period": "day", "group_by": "instance"},
        "a year, month × type": year | {"period": "month", "group_by": "offering"},
    }
    return {f"API: {n}": f"/api/v1/costs?{urlencode(query)}" for n, query in asked_for.items()}


def _of_many(name: str) -> bool:
    return name.endswith("service") or name.startswith("staff")


def test_costs_over_http(filled):
    load, used = os.getloadavg()[0], {}
    print(
        f"\n{CostLine.objects.count():,} lines, {filled.instances:,} services, "
        f"{Organisation.objects.count():,} organisations; the whale has {filled.whale_lines:,} "
        f"lines; {TIMES} requests each; load {load:.1f}"
        "\n| what | p50 ms | p95 ms | CPU ms, web + database | size |"
    )
    rows = []
    for organisation in (filled.small, filled.whale):
        which = "whale" if organisation == filled.whale else "small"
        project = Project.objects.filter(organisation=organisation).earliest("pk")
        member = make_member(project, Role.OWNER)
        token = {"Authorization": f"Bearer {make_token(member)}"}
        session = session_of(member)
        rows += [(f"{which}: {n}", a, session) for n, a in pages_of(filled.month).items()]
        answers = answers_of(filled.month, project.slug)
        rows += [(f"{which}: {n}", a, token) for n, a in answers.items()]
    staff = session_of(make_user(is_staff=True))
    for by in ("offering", "organisation"):
        address = f"/staff/revenue/?month={filled.month:%Y-%m}&by={by}"
        rows.append((f"staff: a month of the whole cloud, by {by}", address, staff))
    with served() as server:
        for name, address, headers in rows:
            used[name] = measure(server, name, address, headers)
    print(f"load {os.getloadavg()[0]:.1f} at the end")
    most = {name: MOST_CPU_OF_MANY if _of_many(name) else MOST_CPU for name in used}
    assert {name: ms for name, ms in used.items() if ms > most[name]} == {}
    assert CostLine.objects.count() == LINES


def test_pages_of_costs_ask_little(filled, plain_static):
    project = Project.objects.filter(organisation=filled.whale).earliest("pk")
    client = signed_in(Client(), make_member(project, Role.OWNER))
    counted = {}
    for name, address in pages_of(filled.month).items():
        client.get(address)
        with CaptureQueriesContext(connection) as queries:
            assert client.get(address).status_code == 200
        counted[name] = len(queries)
    print(f"\nqueries: {counted}")
    assert max(counted.values()) <= MOST_QUERIES


def test_a_server_that_has_just_begun(filled):
    """What later requests find ready is loaded before the first: its reader does not wait for it.
    Processor time, which does not depend on who else is at work.
    """
    project = Project.objects.filter(organisation=filled.small).earliest("pk")
    session = session_of(make_member(project, Role.OWNER))
    taken, cpu = [], []
    with served(workers=1) as server:
        time.sleep(1)  # the worker has begun
        for _ in range(12):
            before, _ = server.cpu_milliseconds()
            taken.append(server.ask("/costs/", session)[0])
            cpu.append(server.cpu_milliseconds()[0] - before)
    print(f"\nload {os.getloadavg()[0]:.1f}; the first requests of a server:")
    print(
        f"  ms: {[round(one) for one in taken]}\n  of the processor: {[round(one) for one in cpu]}"
    )
    assert cpu[0] < MOST_FIRST_CPU
