"""Measures the API over HTTP and prints the numbers: `python scripts/measure_api.py [instances]`.

Makes a database of its own beside the one of POLDER_DATABASE_URL and drops it afterwards. The
yardstick is the cheapest way to the same rows: their SQL on a warm connection, and `json.dumps`.
"""

from __future__ import annotations

import http.client
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.conf.settings")
os.environ.setdefault("POLDER_LOG_LEVEL", "WARNING")
import django  # noqa: E402

django.setup()

import psycopg  # noqa: E402
from django.conf import settings  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402

from billing.pricebook.loading import load_prices  # noqa: E402
from portal.kernel import ids  # noqa: E402
from services.instances.models import Instance  # noqa: E402
from tests.makers import make_member, make_project, make_region, make_token  # noqa: E402
from tests.serving import served  # noqa: E402

ROUNDS = 300
SQL = """
select i.public_id, i.name, p.slug, o.slug, r.code, i.offering, i.version, i.plan, i.parameters,
       i.tags, i.phase, i.health, i.observed_code, i.needs_attention, i.endpoints, i.protected,
       i.delete_at, i.price_hourly, i.currency, i.created_at, i.created_by, i.updated_at
from instances_instance i
join tenancy_project p on p.id = i.project_id
join tenancy_organisation o on o.id = p.organisation_id
join regions_region r on r.id = i.region_id
where i.project_id = %s and i.deleted_at is null
order by i.id desc limit 50
"""
Headers = dict[str, str]


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    old = str(settings.DATABASES["default"]["NAME"])
    connection.creation.create_test_db(verbosity=0, autoclobber=True)
    try:
        project_id, token, ident = fill(count)
        headers = {"Authorization": f"Bearer {token}"}
        say(f"{count} instances, {os.cpu_count()} cores, load {os.getloadavg()[0]:.2f}")
        bare = measure_bare(project_id)
        with served(workers=1) as server:
            measure_http(server.port, headers, ident, bare)
        count_queries(headers, ident)
    finally:
        connection.creation.destroy_test_db(old, verbosity=0)


def fill(count: int) -> tuple[int, str, str]:
    """A project with `count` usual services; its key, a token, the name of one service."""
    load_prices()
    project, region = make_project(slug="shop"), make_region(backend="process")
    endpoint = {
        "name": "client",
        "protocol": "postgresql",
        "host": "127.0.0.1",
        "port": 5432,
        "uri": "postgresql://app@127.0.0.1:5432/app?sslmode=verify-full",
        "tls": True,
    }
    rows = [
        Instance(
            public_id=f"pg-{number:08x}",
            project=project,
            region=region,
            offering="postgresql",
            name=f"service-{number}",
            version="17",
            plan="single-2x8",
            parameters={"max_connections": 100, "work_mem_mib": 4, "database": "app"},
            tags={"team": "orders", "stage": "production"},
            endpoints=[endpoint],
            phase="running",
            health="ok",
            observed="ready",
            price_hourly="0.1622",
            created_by="owner@test.example",
        )
        for number in range(count)
    ]
    Instance.objects.bulk_create(rows, batch_size=2000)
    with connection.cursor() as cursor:
        cursor.execute("analyze")
    return project.pk, make_token(make_member(project)), rows[count // 2].public_id


def measure_bare(project_id: int) -> float:
    """Seconds of the SQL and `json.dumps`."""
    known = connection.settings_dict
    with psycopg.connect(
        host=known["HOST"],
        port=known["PORT"],
        user=known["USER"],
        password=known["PASSWORD"] or None,
        dbname=known["NAME"],
        autocommit=True,
    ) as raw:
        cursor = raw.cursor()

        def once() -> None:
            cursor.execute(SQL, [project_id])
            names = [column.name for column in cursor.description or ()]
            rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
            json.dumps({"results": rows}, default=str)

        seconds = median(once)
    say(f"bare SQL + json.dumps of 50 rows: {seconds * 1000:.2f} ms")
    return seconds


def measure_http(port: int, headers: Headers, ident: str, bare: float) -> None:
    client = http.client.HTTPConnection("127.0.0.1", port)

    def ask(method: str, path: str, body: object = None) -> Any:
        sent = {**headers, "Content-Type": "application/json"}
        client.request(method, f"/api/v1/{path}", json.dumps(body) if body else None, sent)
        answer = client.getresponse()
        content = answer.read()
        if answer.status >= 400:
            raise SystemExit(content.decode())
        return content

    def order() -> None:
        body = {"offering": "postgresql", "plan": "single-2x8", "name": f"n{ids.public_id('x')}"}
        ask("POST", "projects/shop/instances", body)

    listed = median(lambda: ask("GET", "instances?page_size=50"))
    say(
        f"list of 50 over HTTP: {listed * 1000:.2f} ms = {listed / bare:.2f} × bare, "
        f"{len(ask('GET', 'instances')) / 1024:.0f} kB"
    )
    say(f"one instance over HTTP: {median(lambda: ask('GET', f'instances/{ident}')) * 1000:.2f} ms")
    say(f"an order over HTTP: {median(order) * 1000:.2f} ms")
    server_floor = median(lambda: ask("GET", "regions"))
    say(f"for comparison, a list of one region: {server_floor * 1000:.2f} ms")


def count_queries(headers: Headers, ident: str) -> None:
    """In this process, in autocommit as in production, BEGIN and COMMIT included; the price book
    is cold.
    """
    settings.ALLOWED_HOSTS.append("testserver")
    client = Client(headers=headers)
    body = {"offering": "postgresql", "plan": "single-2x8", "name": "counted"}
    asked: dict[str, Callable[[], Any]] = {
        "list of 50": lambda: client.get("/api/v1/instances"),
        "one instance": lambda: client.get(f"/api/v1/instances/{ident}"),
        "an order": lambda: client.post(
            "/api/v1/projects/shop/instances", body, content_type="application/json"
        ),
        "an order with an Idempotency-Key": lambda: client.post(
            "/api/v1/projects/shop/instances",
            body | {"name": "keyed"},
            content_type="application/json",
            headers={"Idempotency-Key": "measured"},
        ),
    }
    for name, call in asked.items():
        with CaptureQueriesContext(connection) as queries:
            assert call().status_code < 400  # noqa: S101  # a measure of an error is none
        say(f"queries of {name}: {len(queries)}")


def median(call: Callable[[], object]) -> float:
    """Seconds, of `ROUNDS` once each of the server's threads has prepared its statements."""
    for _round in range(80):
        call()
    taken = []
    for _round in range(ROUNDS):
        begun = time.perf_counter()
        call()
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken)


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
