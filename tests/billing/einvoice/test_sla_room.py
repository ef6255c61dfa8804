"""Credits for broken promises that an invoice has no room for: they move on, and none is lost."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from billing.costs.posting import Category, Posting, post
from billing.einvoice.checks import own_findings
from billing.einvoice.stored import from_json
from billing.invoices import invoicing
from billing.models import Commitment, CommittedRate, CostLine, Price, RatedMonth, SlaMonth
from billing.month_end import runs
from billing.rating import months as rating
from billing.sla import months
from portal.kernel import clock
from portal.kernel.actor import SYSTEM
from services.instances.models import Instance, ProbeDay
from tests.billing.einvoice.test_drafting import MONTH, a_provider, known, organisation

__all__ = ["a_provider", "organisation"]  # fixtures
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("prices", "fake", "a_provider")]

WHOLE = Decimal("127.55")  # what October bills


def credited(instance, amount, *, owed_for="2026-09", day=date(2026, 10, 31)):
    """As `sla_months` leaves it where no credit note could be written."""
    return post(
        Posting(
            organisation=instance.project.organisation,
            day=day,
            category=Category.CREDIT,
            amount=-Decimal(amount),
            reference=f"sla:{owed_for}:{instance.public_id}:{day:%Y-%m}",
            about={"instance": instance.public_id, "month": owed_for},
            instance=instance,
        )
    )


def standing():
    rows = CostLine.objects.filter(category="credit", reference__startswith="sla:").order_by("day")
    return [(f"{row.day:%Y-%m}", -row.billed_cost) for row in rows]


def first_instance():
    return Instance.objects.order_by("pk").first()


def test_an_invoice_takes_no_more_than_it_bills_and_the_next_one_the_rest(organisation):
    told = known(organisation)
    credited(first_instance(), 500)
    for _ in range(2):
        made = invoicing.draft(told, MONTH)
        assert (made.net, made.gross) == (0, 0)
        assert [f for f in own_findings(from_json(made.document)) if f.fatal] == []
        assert standing() == [("2026-10", WHOLE), ("2026-11", 500 - WHOLE)]


def test_what_fits_stays(organisation):
    credited(first_instance(), 100)
    assert invoicing.draft(known(organisation), MONTH).net == WHOLE - 100
    assert standing() == [("2026-10", 100)]


def test_what_moves_on_is_added_to_what_stands_there(organisation):
    credited(first_instance(), 200)
    credited(first_instance(), 30, day=date(2026, 11, 30))
    invoicing.draft(known(organisation), MONTH)
    assert standing() == [("2026-10", WHOLE), ("2026-11", 230 - WHOLE)]


@pytest.fixture
def reserved(organisation):
    """All of October's compute was reserved and paid a year ahead, and did not serve."""
    made = Commitment.objects.create(
        public_id="cm-1",
        organisation=organisation,
        price_class="database.postgresql",
        term="1y",
        start=date(2026, 10, 1),
        end=date(2027, 10, 1),
        upfront_percent=100,
        total=Decimal(12_000),
    )
    for meter, quantity in (("vcpu", 4), ("memory_gib", 16)):
        CommittedRate.objects.create(
            commitment=made,
            meter=meter,
            quantity=quantity,
            unit_price=Decimal("0.01"),
            on_demand_unit_price=Decimal("0.02"),
            price=Price.objects.filter(price_class="database.postgresql", meter=meter).first(),
        )
    rating.rate(MONTH)
    whole = (1 << 1440) - 1
    ProbeDay.objects.bulk_create(
        ProbeDay(instance=instance, day=date(2026, 10, day), known=whole, bad=whole, latency=b"")
        for instance in Instance.objects.all()
        for day in range(22, 32)
    )
    return made


def test_what_was_paid_ahead_is_credited_over_the_months_to_come(organisation, reserved):
    told = known(organisation)
    for _ in range(2):
        months.settle(told, MONTH)
        assert invoicing.draft(told, MONTH).net == 0
        owed = sum(SlaMonth.objects.values_list("amount", flat=True))
        assert owed > 500
        assert sum(amount for _month, amount in standing()) == owed
        usage = CostLine.objects.filter(category="usage", day__month=10)
        bills = sum(usage.values_list("billed_cost", flat=True))
        october = sum(amount for month, amount in standing() if month == "2026-10")
        assert october == round(bills, 2)
    before = standing()
    RatedMonth.objects.filter(month=MONTH).update(closed_at=clock.now())
    for _ in range(2):
        months.settle_late()
        assert standing() == before


def test_a_month_that_needs_no_invoice_hands_its_credit_on(organisation, monkeypatch):
    credited(first_instance(), 40)
    CostLine.objects.filter(category="usage").delete()
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 11, 4, 1, tzinfo=UTC))
    monkeypatch.setattr(runs.rating, "rate", lambda _month: None)
    runs.run(actor=SYSTEM, month=MONTH, kind="issue")
    assert RatedMonth.objects.get(month=MONTH).closed_at
    assert standing() == [("2026-11", 40)]
