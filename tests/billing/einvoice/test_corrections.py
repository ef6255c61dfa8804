"""What is corrected of a closed month, on the next invoice: a block of its own, to the cent."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection, transaction
from django.db.models import Sum

from billing import cycle
from billing.costs import corrections
from billing.costs.closing import close_month
from billing.einvoice.checks import own_findings
from billing.einvoice.document import Period
from billing.einvoice.judging import judge
from billing.einvoice.pages import page_of
from billing.einvoice.stored import from_json
from billing.identity import actions as identities
from billing.invoices import invoicing
from billing.models import CostLine, CostRollup, RatedMonth
from portal.kernel import clock
from portal.kernel.actor import SYSTEM
from portal.kernel.errors import Conflict
from portal.tenancy.models import Organisation
from services.instances.models import InstanceEvent
from tests.billing.einvoice.test_drafting import (
    FRENCH,
    MONTH,
    a_provider,
    known,
    organisation,
)
from tests.makers import make_staff

__all__ = ["a_provider", "organisation"]  # fixtures
pytestmark = [
    pytest.mark.einvoice,
    pytest.mark.django_db,
    pytest.mark.usefixtures("prices", "fake", "a_provider"),
]

NOVEMBER = date(2026, 11, 1)
BUYERS = {
    "domestic": {},
    "reverse-charge": FRENCH,
    "outside": {
        "legal_name": "Beispiel AG",
        "street": "Bahnhofstrasse 3",
        "postcode": "8001",
        "city": "Zürich",
        "country": "CH",
        "vat_id": "",
    },
    "consumer": {
        "kind": "consumer",
        "legal_name": "J. Jansen",
        "street": "Damrak 1",
        "postcode": "1012 LG",
        "city": "Amsterdam",
        "country": "NL",
        "vat_id": "",
    },
}


def named(organisation, case="domestic"):
    """The organisation as a buyer of one of the VAT cases, all of it proved."""
    told = known(organisation, **BUYERS[case])
    row, staff = told.billing_identity, make_staff()
    identities.keep_proof(
        actor=staff, identity=row, kind="bank", country=row.country, source="A payment."
    )
    if row.vat_id:
        identities.approve_vat_id(actor=staff, identity=row, reason="Seen the extract.")
    return Organisation.objects.get(pk=told.pk)


def at(monkeypatch, *moment):
    monkeypatch.setattr(clock, "now", lambda: datetime(*moment, tzinfo=UTC))


@transaction.atomic
def issued(organisation, month):
    """Issued and closed as the run does it, but judged by nobody."""
    made = invoicing.seal(actor=SYSTEM, invoice=invoicing.draft(organisation, month))
    close_month(made, from_json(made.document))
    return made


def begin(instance, days):
    """The service turns out to have begun `days` earlier (or later) than was billed."""
    (event,) = InstanceEvent.objects.filter(instance=instance, code="created")
    InstanceEvent.objects.filter(pk=event.pk).update(at=event.at - timedelta(days=days))
    instance.created_at = event.at - timedelta(days=days)
    instance.save()


def late(organisation, days):
    """October is metered again after its close; `days` more (or fewer) of one service."""
    newest = organisation.projects.first().instances.order_by("-pk").first()
    begin(newest, days)
    cycle.meter_month(MONTH)
    return corrections.correct_due()


def november(organisation, monkeypatch):
    at(monkeypatch, 2026, 12, 4, 1)
    cycle.meter_month(NOVEMBER)
    cycle.meter_and_rate()
    return invoicing.draft(organisation, NOVEMBER)


def sums(month):
    rows = (CostLine.objects, CostRollup.objects)
    return {
        q.filter(day__month=month).aggregate(Sum("billed_cost"))["billed_cost__sum"] for q in rows
    }


@pytest.mark.parametrize("days", [3, -3])
def test_the_next_invoice_has_a_block_of_its_own(organisation, monkeypatch, days):
    told = named(organisation)
    at(monkeypatch, 2026, 11, 4, 1)
    first = issued(told, MONTH)
    assert late(told, days).lines == 9
    document = from_json(november(told, monkeypatch).document)
    block = [line for line in document.lines if line.group]
    assert {line.group for line in block} == {"Corrections for October 2026"}
    assert {line.period for line in block} == {Period(MONTH, date(2026, 10, 31))}
    hours = {line.name.rpartition(" ")[2]: line.quantity for line in block}
    assert hours == {"GiB": 80 * 24 * days, "vCPU": 2 * 24 * days}
    assert sum(line.net for line in block) == days // 3 * Decimal("9.23")
    assert own_findings(document) == []
    assert [g.title for g in page_of(document).groups] == ["", "Corrections for October 2026"]
    first.refresh_from_db()
    assert sums(10) == {first.net}


def test_when_it_is_closed_every_sum_is_that_of_the_invoice(organisation, monkeypatch):
    told = named(organisation)
    at(monkeypatch, 2026, 11, 4, 1)
    first = issued(told, MONTH)
    late(told, 3)
    november(told, monkeypatch)
    second = issued(told, NOVEMBER)
    assert (sums(10), sums(11)) == ({first.net}, {second.net})
    assert CostLine.objects.filter(category="adjustment", is_correction=True).exists()
    assert corrections.correct_due().months == 0
    RatedMonth.objects.filter(month=MONTH).update(due_since=clock.now())
    assert corrections.correct_due().lines == 0


def test_a_correction_after_the_draft_holds_the_invoice_up(organisation, monkeypatch):
    told = named(organisation)
    at(monkeypatch, 2026, 11, 4, 1)
    issued(told, MONTH)
    made = november(told, monkeypatch)
    at(monkeypatch, 2026, 12, 4, 2)
    late(told, 3)
    with pytest.raises(Conflict, match="worked out again"):
        close_month(made, from_json(made.document))


@pytest.mark.usefixtures("einvoice_rules")
@pytest.mark.parametrize("case", BUYERS)
@pytest.mark.parametrize("days", [3, -3])
def test_corrections_are_judged_valid(organisation, monkeypatch, case, days):
    told = named(organisation, case)
    at(monkeypatch, 2026, 11, 4, 1)
    invoicing.issue(actor=SYSTEM, invoice=invoicing.draft(told, MONTH))
    late(told, days)
    made = november(told, monkeypatch)
    verdict = judge(from_json(made.document))
    assert [f.text for f in verdict.fatal] == []
    assert all(verdict.fired.values())
    sealed = invoicing.issue(actor=SYSTEM, invoice=made)
    assert sums(11) == {sealed.net}
    assert invoicing.verify() == []


@pytest.mark.django_db(transaction=True)
def test_three_rounds_at_once_bill_a_difference_once(organisation, monkeypatch):
    told = named(organisation)
    at(monkeypatch, 2026, 11, 4, 1)
    issued(told, MONTH)
    newest = told.projects.first().instances.order_by("-pk").first()
    begin(newest, 3)
    cycle.meter_month(MONTH)

    def correct(_):
        try:
            return corrections.correct(told.pk, MONTH)
        finally:
            connection.close()

    with ThreadPoolExecutor(3) as pool:
        assert sorted(pool.map(correct, range(3))) == [0, 0, 9]
    assert CostLine.objects.filter(is_correction=True).count() == 9
