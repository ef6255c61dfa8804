"""What an invoice of about 300 lines costs to read over HTTP, by the web server of `make run`: its
page, what is behind a line, and its files.

    POLDER_INVOICE_LINES=300 python -m pytest -m numbers -s tests/billing/numbers/test_invoice.py
"""

from __future__ import annotations

import os
from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from billing.invoices import drilldown, invoicing
from billing.invoices.files import write_files
from billing.invoices.queries import MADE, formats_of
from billing.models import CostLine, Invoice, TagSet
from billing.rating import months as rating
from portal.kernel import clock
from portal.kernel.actor import SYSTEM
from portal.tenancy.models import Organisation
from portal.tenancy.permissions import Role
from tests.billing.einvoice.conftest import einvoice_rules
from tests.billing.einvoice.test_drafting import a_provider, known
from tests.billing.numbers.made import MONTH, PRICED, asked, make_cloud, make_prices
from tests.billing.numbers.reading import MOST_CPU, TIMES, measure
from tests.makers import make_member, signed_in
from tests.serving import served, session_of

__all__ = ["a_provider", "einvoice_rules"]  # fixtures
WANTED = asked("POLDER_INVOICE_LINES", 60)
OF_A_CLASS = 10  # lines of an invoice that the meters of one price class come to
SERVICES = 7
MOST_QUERIES = 15
pytestmark = [
    pytest.mark.numbers,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("prices", "fake", "a_provider", "einvoice_rules"),
]

_USE = """
insert into billing_usagerecord (organisation_id, project_id, instance_id, tag_set_id, offering,
  region, price_class, meter, allowance, from_plan, day, quantity, consumed)
select p.organisation_id, i.project_id, i.id, %(tags)s, i.offering, 'local', c.name, m.meter, '',
  false, d.day::date, q.quantity, q.quantity
from generate_series(date '2026-10-01', date '2026-10-31', '1 day') as d (day)
cross join unnest(%(classes)s::text[]) as c (name)
cross join unnest(%(meters)s::text[]) as m (meter)
cross join instances_instance i
join tenancy_project p on p.id = i.project_id
cross join lateral (select 20000 + (i.id * 7919 + extract(day from d.day)::int * 104729) %% 9973)
  as q (quantity)"""


@pytest.fixture
def invoice(monkeypatch):
    """Issued, of a month that was rated."""
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 11, 4, 1, tzinfo=UTC))
    (owner,) = make_cloud(1, SERVICES).organisations
    classes = [f"big.class-{n}" for n in range(max(1, WANTED // OF_A_CLASS))]
    for name in classes:
        make_prices(name)
    tags, _ = TagSet.objects.get_or_create(digest="0" * 64)
    values = {"tags": tags.pk, "classes": classes, "meters": [meter for meter, *_ in PRICED]}
    with connection.cursor() as cursor:
        cursor.execute(_USE, values)
        cursor.execute("analyze")
    rating.rate(MONTH)
    draft = invoicing.draft(known(Organisation.objects.get(pk=owner)), MONTH)
    issued = invoicing.issue(actor=SYSTEM, invoice=draft)
    write_files(issued)
    return issued


def addresses_of(invoice: Invoice) -> dict[str, str]:
    home = f"/costs/invoices/{invoice.number}/"
    lines = range(1, len(invoice.document["lines"]) + 1)
    line = max((drilldown.line_of(invoice, n) for n in lines), key=lambda line: line.line.net)
    day = drilldown.days_of(line)[0].day
    service = drilldown.services_of(line, day)[0].public_id
    behind = f"{home}lines/{line.number}/"
    pages = {
        "list of invoices": "/costs/invoices/",
        "page": home,
        "tiers of a line": behind,
        "its days": f"{behind}days/",
        "services of a day": f"{behind}days/{day}/",
        "events of a service": f"{behind}days/{day}/{service}/",
    }
    return pages | {f"file: {name}": f"{home}{name}/" for name in (*formats_of(invoice), *MADE)}


def test_an_invoice_over_http(invoice):
    member = make_member(invoice.organisation.projects.first(), Role.BILLING)
    addresses, session, used, queries = addresses_of(invoice), session_of(member), {}, {}
    client = signed_in(Client(), member)
    print(
        f"\nan invoice of {len(invoice.document['lines'])} lines, {CostLine.objects.count():,} "
        f"cost lines; {TIMES} requests each; load {os.getloadavg()[0]:.1f}"
        "\n| what | p50 ms | p95 ms | CPU ms, web + database | size | queries |"
    )
    with served() as server:
        for name, address in addresses.items():
            client.get(address)
            with CaptureQueriesContext(connection) as asked_for:
                b"".join(client.get(address))
            queries[name] = len(asked_for)
            used[name] = measure(server, name, address, session, queries[name])
    print(f"load {os.getloadavg()[0]:.1f} at the end")
    assert len(invoice.document["lines"]) >= WANTED
    assert {name: n for name, n in queries.items() if n > MOST_QUERIES} == {}
    assert {name: ms for name, ms in used.items() if ms > MOST_CPU} == {}
