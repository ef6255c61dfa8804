"""Minutes that become known after the invoice: the credit becomes a credit note, once."""

from datetime import UTC, date, datetime, timedelta

import pytest

from billing.models import CostLine, Invoice, InvoiceRun
from billing.month_end import runs
from billing.sla import late as sla_late
from billing.sla import months, reports
from portal.kernel import clock
from portal.kernel.actor import SYSTEM, Actor
from portal.kernel.errors import NotPermitted
from services.instances.models import Instance, ProbeDay
from tests.billing.einvoice.test_drafting import MONTH, a_provider, known, organisation
from tests.makers import make_user, signed_in

__all__ = ["a_provider", "organisation"]  # fixtures
pytestmark = [
    pytest.mark.django_db,
    pytest.mark.einvoice,
    pytest.mark.usefixtures("prices", "fake", "a_provider", "einvoice_rules"),
]


def lost(instance, hours, first=date(2026, 10, 22)):
    """So many hours of each of two days."""
    for day in (first, first + timedelta(days=1)):
        ProbeDay.objects.update_or_create(
            instance=instance,
            day=day,
            defaults={"known": (1 << 1440) - 1, "bad": (1 << 60 * hours) - 1, "latency": b""},
        )


@pytest.fixture
def issued(organisation, monkeypatch):
    """October is invoiced, with the credit for four hours in it."""
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 11, 5, tzinfo=UTC))
    instance = Instance.objects.order_by("pk").first()
    lost(instance, 2)
    runs.run(actor=SYSTEM, month=MONTH, kind=InvoiceRun.Kind.ISSUE)
    assert known
    return instance


@pytest.fixture(autouse=True)
def buyer(prices, fake, a_provider, organisation):
    known(organisation)


def test_the_invoice_has_the_credit_that_was_known(issued):
    invoice = Invoice.objects.get()
    assert invoice.number
    credit = CostLine.objects.get(category="credit")
    (report,) = reports.reports_for(
        SYSTEM, issued.project.organisation, MONTH, instance=issued.public_id
    )
    assert [(one.amount, one.invoice) for one in report.posted] == [
        (-credit.billed_cost, invoice.number)
    ]


def test_what_became_known_later_is_a_credit_note_and_only_one(issued):
    before = -CostLine.objects.get(category="credit").billed_cost
    lost(issued, 12)
    assert months.settle_late() == 1
    note = Invoice.objects.get(kind="381")
    (report,) = reports.reports_for(
        SYSTEM, issued.project.organisation, MONTH, instance=issued.public_id
    )
    assert report.credit.amount > before
    assert note.net == report.credit.amount - before
    assert note.corrects.kind == "380"
    assert [one.invoice for one in report.posted] == [note.corrects.number, note.number]
    months.settle_late()
    assert Invoice.objects.count() == 2
    lost(issued, 1)
    months.settle_late()  # less than was given: nothing is taken back
    assert Invoice.objects.count() == 2


def test_where_no_note_can_be_written_the_next_month_has_it(
    issued, monkeypatch, client, plain_static
):
    def refused(**_):
        raise months.Conflict("Several VAT rates.")

    monkeypatch.setattr(months, "credit_amount", refused)
    before = -CostLine.objects.get(category="credit").billed_cost
    lost(issued, 12)
    for _ in range(2):
        months.settle_late()
    late = CostLine.objects.get(reference=f"sla:2026-10:{issued.public_id}:2026-11")
    (report,) = reports.reports_for(
        SYSTEM, issued.project.organisation, MONTH, instance=issued.public_id
    )
    assert -late.billed_cost == report.credit.amount - before
    assert Invoice.objects.count() == 1
    (owed,) = sla_late.late_credits(SYSTEM)
    assert (owed.instance, owed.amount) == (issued, -late.billed_cost)
    assert (owed.month, owed.booked) == (MONTH, date(2026, 11, 1))
    assert (owed.invoice, owed.given_on) == (Invoice.objects.get().number, "")
    page = signed_in(client, make_user(is_staff=True)).get("/staff/invoice-runs/").content.decode()
    assert "Credits that became no credit note" in page
    assert "the draft of November 2026" in page


def test_what_is_no_late_credit_is_not_listed(issued):
    assert CostLine.objects.filter(category="credit").exists()
    assert sla_late.late_credits(SYSTEM) == []
    with pytest.raises(NotPermitted):
        sla_late.late_credits(Actor(kind="user", id="1"))
