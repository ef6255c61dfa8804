"""What is behind a line of an invoice, level by level, and the formats that are made of it."""

import csv
import re
from datetime import UTC, date, datetime
from decimal import Decimal
from html.parser import HTMLParser

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.einvoice.stored import from_json
from billing.invoices import drilldown, invoicing
from billing.invoices.formats import as_csv
from billing.metering import records as metering
from billing.models import CostLine, Invoice, UsageEvent
from billing.month_end import runs
from billing.rating import months as rating
from portal.kernel import clock
from portal.kernel.actor import SYSTEM
from portal.kernel.errors import NotFound
from portal.tenancy.permissions import Role
from services.instances.models import Instance
from tests.billing.einvoice.test_corrections import at, late, named, november
from tests.billing.einvoice.test_corrections import issued as close
from tests.billing.einvoice.test_drafting import MONTH, a_provider, known, organisation
from tests.makers import make_member, make_project, signed_in
from tests.portal.api import Api, problem

__all__ = ["a_provider", "organisation"]  # fixtures
pytestmark = [
    pytest.mark.einvoice,  # a month, judged
    pytest.mark.django_db,
    pytest.mark.usefixtures("prices", "fake", "a_provider", "plain_static"),
]
LIST = "/costs/invoices/"


@pytest.fixture
def draft(organisation):
    """With traffic beyond what is free, as meters reported it."""
    instance = Instance.objects.order_by("pk").first()
    at = datetime(2026, 10, 7, 9, tzinfo=UTC)
    UsageEvent.objects.create(
        source="gateway",
        event_id="1",
        digest="1",
        instance=instance,
        meter="egress",
        start=at,
        end=at.replace(hour=10),
        quantity=Decimal("1500.123456789"),
    )
    metering.meter(MONTH)
    rating.rate(MONTH)
    return invoicing.draft(known(organisation), MONTH)


@pytest.fixture
def issued(draft, einvoice_rules, monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 11, 4, 1, tzinfo=UTC))
    runs.run(actor=SYSTEM, month=MONTH, kind="issue")
    return Invoice.objects.get()


@pytest.fixture
def reader(client, organisation):
    return signed_in(client, make_member(organisation.projects.first(), Role.BILLING))


def lines(invoice):
    found = from_json(invoice.document).lines
    return [drilldown.line_of(invoice, n) for n in range(1, len(found) + 1)]


def total(rows, name="cost"):
    return sum((getattr(row, name) for row in rows), Decimal(0))


@pytest.mark.parametrize("which", ["draft", "issued"])
def test_every_level_adds_up_to_the_one_above(request, which):
    invoice = request.getfixturevalue(which)
    for line in lines(invoice):
        here = [row for row in drilldown.tiers_of(line) if row.is_here]
        days = drilldown.days_of(line)
        assert len(here) == 1
        assert round(total(days), 2) == line.line.net
        assert total(days) == here[0].cost
        assert total(days, "quantity") == pytest.approx(here[0].quantity, abs=Decimal("0.0000001"))
        for day in days:
            services = drilldown.services_of(line, day.day)
            assert total(services) == day.cost
            for one in services:
                evidence = drilldown.evidence_of(line, day.day, one.public_id)
                assert evidence.part.cost == one.cost
                assert evidence.metered >= evidence.part.quantity
                assert evidence.happenings


def test_a_correction_leads_to_the_days_of_its_own_month(organisation, monkeypatch):
    told = named(organisation)
    at(monkeypatch, 2026, 11, 4, 1)
    first_invoice = close(told, MONTH)
    late(told, 3)
    invoice = november(told, monkeypatch)
    found = [line for line in lines(invoice) if line.is_correction]
    assert {line.month for line in found} == {MONTH}
    for line in found:
        days = drilldown.days_of(line)
        assert round(total(days), 2) == line.line.net
        assert [day.day.isoformat() for day in days] == ["2026-10-18", "2026-10-19", "2026-10-20"]
        assert drilldown.services_of(line, days[0].day)[0].cost == days[0].cost
    late_days = [day.day for line in lines(first_invoice) for day in drilldown.days_of(line)]
    assert max(late_days) == date(2026, 10, 31)
    assert "2026-10-18" in "".join(as_csv(invoice))


def test_events_are_those_that_made_the_quantity(draft):
    (line,) = [one for one in lines(draft) if "internet" in one.line.name]
    (day,) = drilldown.days_of(line)
    (service,) = drilldown.services_of(line, day.day)
    found = drilldown.evidence_of(line, day.day, service.public_id)
    assert [(event.event_id, quantity) for event, quantity in found.events] == [
        ("1", Decimal("1500.123456789"))
    ]
    assert (found.metered, found.part.quantity) == (
        Decimal("1500.123456789"),
        Decimal("476.123456789"),  # beyond the free TiB
    )
    assert [row.tier for row in drilldown.tiers_of(line)] == [0, 1]


def test_what_held_when_the_day_began_is_told(draft):
    line = lines(draft)[0]
    first, later = Instance.objects.order_by("pk").values_list("public_id", flat=True)
    begun = drilldown.evidence_of(line, date(2026, 10, 21), later)
    assert [row.code for row in begun.happenings] == ["created"]
    assert begun.happenings[0].at.day == 21
    held = drilldown.evidence_of(line, date(2026, 10, 21), first)
    assert [row.at.day for row in held.happenings] == [1]


def test_each_level_is_a_page_and_a_fragment(reader, draft):
    line = lines(draft)[0]
    root = f"{LIST}{draft.public_id}/lines/1/"
    service = drilldown.services_of(line, date(2026, 10, 21))[0].public_id
    for path in ("", "days/", "days/2026-10-21/", f"days/2026-10-21/{service}/"):
        page = reader.get(root + path).content.decode()
        part = reader.get(root + path, headers={"HX-Request": "true"}).content.decode()
        assert "<html" in page
        assert "<html" not in part
        assert 'id="behind"' in part
        assert line.line.name in part
    shown = reader.get(f"{LIST}{draft.public_id}/").content.decode()
    assert f'hx-get="{root}"' in shown


def test_what_was_free_and_what_is_reserved_stand_beside_the_tiers(reader, draft):
    (line,) = [one for one in lines(draft) if "internet" in one.line.name]
    address = f"{LIST}{draft.public_id}/lines/{line.number}/"
    assert "Free of charge" in reader.get(address).content.decode()
    CostLine.objects.filter(tier=0, meter="egress").update(contracted_unit_price="0.01")
    text = reader.get(address).content.decode()
    assert "Covered by what is reserved" in text
    assert "Free of charge" not in text


def test_the_rounding_is_shown(reader, issued):
    text = reader.get(f"{LIST}{issued.number}/lines/1/").content.decode()
    line = lines(issued)[0]
    exact = total(drilldown.days_of(line))
    figures = re.sub(r"[^0-9.,]", " ", text)
    assert f"{exact.normalize():f}" in figures
    assert f"{line.line.net:f}" in figures


@pytest.mark.parametrize("path", ["lines/99/", "lines/0/days/", "lines/1/days/never/"])
def test_what_is_not_there_is_told(reader, draft, path):
    assert reader.get(f"{LIST}{draft.public_id}/{path}").status_code == 404


def test_a_service_that_adds_nothing_has_no_evidence(draft):
    later = Instance.objects.order_by("-pk").first()
    with pytest.raises(NotFound):
        drilldown.evidence_of(lines(draft)[0], date(2026, 10, 2), later.public_id)


@pytest.mark.parametrize("path", ["", "days/", "days/2026-10-21/", "days/2026-10-21/pg-1/"])
def test_strangers_and_viewers_get_no_level(client, organisation, draft, path):
    address = f"{LIST}{draft.public_id}/lines/1/{path}"
    stranger = signed_in(client, make_member(make_project(), Role.OWNER))
    assert stranger.get(address).status_code == 404
    viewer = signed_in(client, make_member(organisation.projects.first(), Role.VIEWER))
    assert viewer.get(address).status_code == 403


@pytest.mark.parametrize("level", [drilldown.tiers_of, drilldown.days_of])
def test_a_level_is_one_query(draft, level):
    line = lines(draft)[0]
    with CaptureQueriesContext(
        connection,
    ) as queries:
        level(line)
    assert len(queries) == 1


# -- formats ---------------------------------------------------------------------------------------


def body(answer):
    return b"".join(answer.streaming_content if answer.streaming else [answer.content]).decode()


class Tags(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.seen, self.loads = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        self.loads += [value for name, value in attrs if name in ("src", "href")]


def test_the_page_stands_alone_and_shows_the_days(reader, issued):
    answer = reader.get(f"{LIST}{issued.number}/html/")
    assert answer["Content-Type"].startswith("text/html")
    assert f"{issued.number}.html" in answer["Content-Disposition"]
    text = body(answer)
    found = Tags(text)
    assert found.loads == []
    assert found.seen.count("details") == len(lines(issued))
    for part in (issued.number, "Deichbau Nord GmbH", "PostgreSQL: vCPU", "21 October 2026"):
        assert part in text


def test_the_table_has_every_cost_line_and_the_sum_of_the_invoice(reader, issued):
    rows = list(csv.DictReader(body(reader.get(f"{LIST}{issued.number}/csv/")).splitlines()))
    assert sum(Decimal(row["billed_cost"]) for row in rows) == issued.net
    assert {row["category"] for row in rows} == {"usage", "adjustment"}
    assert {row["invoice"] for row in rows} == {issued.number}
    assert "0" in {row["tier"] for row in rows}  # what was free, too


# -- the API ---------------------------------------------------------------------------------------


@pytest.fixture
def api(organisation):
    return Api(make_member(organisation.projects.first(), Role.BILLING))


def test_invoices_are_listed_and_read(api, issued):
    (one,) = api.get("invoices").json()["results"]
    assert (one["number"], one["net"], one["month"]) == (
        issued.number,
        f"{issued.net.normalize():f}",
        "2026-10-01",
    )
    found = api.get(f"invoices/{issued.number}").json()
    assert sum(Decimal(line["net"]) for line in found["lines"]) == issued.net
    assert found["hash"] == issued.hash
    assert found["formats"] == ["pdf", "factur-x", "xrechnung-cii", "xrechnung-ubl", "html", "csv"]
    assert found | one == found


def test_a_draft_has_an_id_and_no_number(api, draft):
    (one,) = api.get("invoices").json()["results"]
    assert (one["number"], one["status"], one["issued_at"]) == (None, "draft", None)
    assert api.get(f"invoices/{one['id']}").json()["formats"] == ["html", "csv"]


@pytest.mark.parametrize(
    ("query", "begins"),
    [("", b"%PDF"), ("?format=xrechnung-ubl", b"<?xml"), ("?format=html", b"<!doctype")],
)
def test_documents_are_downloaded(api, issued, query, begins):
    answer = api.get(f"invoices/{issued.number}/document{query}")
    assert answer.content.startswith(begins)


def test_what_is_not_kept_or_not_known_is_told(api, issued):
    root = f"invoices/{issued.number}/document?format="
    problem(api.get(f"{root}peppol-ubl"), 404, "not-found")
    problem(api.get(f"{root}docx"), 400, "invalid-query")
    problem(api.get("invoices/2026-999999"), 404, "not-found")


def test_a_viewer_may_not(organisation, issued):
    viewer = Api(make_member(organisation.projects.first(), Role.VIEWER))
    problem(viewer.get("invoices"), 403, "not-permitted")
    problem(viewer.get(f"invoices/{issued.number}"), 403, "not-permitted")
