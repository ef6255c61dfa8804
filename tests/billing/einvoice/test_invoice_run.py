"""The invoices of a month, whole: drafts, grace, issue, files, and starting again."""

from datetime import UTC, date, datetime
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, transaction
from django.db.models import Sum

from billing.costs import sums
from billing.invoices import invoicing
from billing.models import CostLine, CostRollup, Invoice, InvoiceFile, InvoiceSeries, RatedMonth
from billing.month_end import oversight as month_end
from billing.month_end import runs
from billing.rating import months as rating
from portal.kernel import clock
from portal.kernel.actor import SYSTEM
from portal.kernel.errors import Conflict
from services.instances.models import InstanceEvent
from tests.billing.einvoice.test_drafting import MONTH, a_provider, known, organisation
from tests.makers import make_instance, make_project

__all__ = ["a_provider", "organisation"]  # fixtures
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("prices", "fake", "a_provider")]


@pytest.fixture
def later(prices, fake, organisation, monkeypatch):
    """The grace is over."""
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 11, 4, 1, tzinfo=UTC))


def go(*, issue):
    return runs.run(actor=SYSTEM, month=MONTH, kind="issue" if issue else "draft")


def test_drafts_are_written_at_once_and_issued_after_the_grace(organisation):
    known(organisation)
    found = go(issue=False)
    assert (found.drafted, found.issued, found.held_up) == (1, 0, {})
    assert Invoice.objects.get().net == Decimal("127.55")
    with pytest.raises(Conflict, match="2026-11-04 00:00 UTC"):
        go(issue=True)


def test_a_month_that_is_not_over_has_no_invoice(organisation):
    with pytest.raises(Conflict, match="not over"):
        runs.run(actor=SYSTEM, month=date(2026, 11, 1), kind="draft")


def test_who_has_no_address_holds_nobody_up(organisation):
    known(organisation)
    region = organisation.projects.first().instances.first().region
    other = make_instance(make_project(), region, plan="single-2x8")  # none that is free
    InstanceEvent.objects.filter(instance=other).update(at=datetime(2026, 10, 1, tzinfo=UTC))
    other.created_at = datetime(2026, 10, 1, tzinfo=UTC)
    other.save()
    found = go(issue=False)
    assert found.drafted == 1
    (held,) = month_end.held_up(found)
    assert held.organisation == other.project.organisation
    assert held.mendable
    assert "billing details are missing" in held.reason


@pytest.mark.usefixtures("later", "einvoice_rules")
@pytest.mark.einvoice
def test_an_issued_month_is_closed_and_its_costs_are_the_invoice(organisation):
    known(organisation)
    found = go(issue=True)
    assert (found.drafted, found.issued) == (1, 1)
    invoice = Invoice.objects.get()
    assert invoice.number == "2026-000001"
    for rows in (CostLine, CostRollup):
        total = rows.objects.filter(day__month=10).aggregate(Sum("billed_cost"))
        assert total["billed_cost__sum"] == invoice.net
    assert sums.unequal(MONTH) == []
    assert RatedMonth.objects.get(month=MONTH).closed_at
    assert rating.rate(MONTH).months == 0
    assert invoicing.verify() == []


@pytest.mark.usefixtures("later", "einvoice_rules")
@pytest.mark.einvoice
def test_every_format_is_kept_and_kept_as_it_is(organisation):
    known(organisation)
    go(issue=True)
    files = {row.format: bytes(row.content) for row in InvoiceFile.objects.all()}
    assert set(files) == {"factur-x", "xrechnung-cii", "xrechnung-ubl", "pdf"}
    assert files["pdf"].startswith(b"%PDF")
    assert b"2026-000001" in files["xrechnung-ubl"]
    with pytest.raises(DatabaseError, match="cannot be changed"), transaction.atomic():
        InvoiceFile.objects.update(content=b"other")
    with pytest.raises(DatabaseError, match="cannot be changed"), transaction.atomic():
        InvoiceFile.objects.all().delete()


@pytest.mark.usefixtures("later", "einvoice_rules")
@pytest.mark.einvoice
def test_a_run_that_broke_off_is_finished_by_the_next(organisation, monkeypatch):
    def broken(invoice):
        raise Conflict("The disk is full.")

    known(organisation)
    with monkeypatch.context() as patch:
        patch.setattr(runs, "write_files", broken)
        assert go(issue=True).held_up
    assert Invoice.objects.get().number == "2026-000001"
    again = go(issue=True)
    assert (again.drafted, again.issued, again.held_up) == (0, 0, {})
    assert InvoiceFile.objects.count() == 4


@pytest.mark.usefixtures("later", "einvoice_rules")
@pytest.mark.einvoice
def test_costs_that_changed_after_the_draft_hold_it_up(organisation):
    invoice = invoicing.draft(known(organisation), MONTH)
    RatedMonth.objects.filter(month=MONTH).update(due_since=clock.now())
    with pytest.raises(Conflict, match="worked out again"):
        invoicing.issue(actor=SYSTEM, invoice=invoice)
    assert not InvoiceSeries.objects.exists()


def test_the_command_says_what_it_did_and_who_is_held_up(organisation):
    with pytest.raises(CommandError, match="1 organisations"):
        call_command("billing", "invoice", "--month", "2026-10", stdout=StringIO())
    known(organisation)
    out = StringIO()
    call_command("billing", "invoice", "--month", "2026-10", stdout=out)
    call_command("billing", "verify", stdout=out)
    assert "1 drafted, 0 issued" in out.getvalue()
    assert "Every number is there" in out.getvalue()
    assert "Every sum is that of its cost lines" in out.getvalue()
    with pytest.raises(CommandError, match="may arrive until"):
        call_command("billing", "invoice", "--month", "2026-10", "--issue", stdout=out)
