"""What takes an issued invoice back: positive amounts, never more than is left, costs follow."""

import csv
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from django.db import connection
from django.db.models import Sum

from billing.credit_notes import actions as credit_notes
from billing.einvoice.checks import own_findings
from billing.einvoice.document import Kind, Reference
from billing.einvoice.judging import judge
from billing.einvoice.stored import from_json
from billing.invoices import invoicing
from billing.invoices.formats import as_csv
from billing.invoices.standing import State, standing
from billing.models import CostLine, CostRollup, Invoice
from billing.payments.actions import record_payment
from portal.audit.models import AuditEvent
from portal.kernel import clock
from portal.kernel.actor import SYSTEM
from portal.kernel.errors import Conflict, Invalid, NotPermitted
from tests.billing.einvoice.test_corrections import (
    BUYERS,
    NOVEMBER,
    at,
    issued,
    late,
    named,
    november,
    sums,
)
from tests.billing.einvoice.test_drafting import MONTH, a_provider, organisation
from tests.makers import make_owner, make_staff

__all__ = ["a_provider", "organisation"]  # fixtures
pytestmark = [
    pytest.mark.einvoice,
    pytest.mark.django_db,
    pytest.mark.usefixtures("prices", "fake", "a_provider"),
]
WHY = "The service did not keep its promise."


@pytest.fixture
def trusting(monkeypatch):
    """Judged by our own checks only, and without files: what the unit suite has time for."""

    def judged(document, name=""):
        assert [f.text for f in own_findings(document)] == []

    monkeypatch.setattr(credit_notes, "judged", judged)
    monkeypatch.setattr(credit_notes, "write_files", lambda note: None)


@pytest.fixture
def invoice(organisation, monkeypatch):
    """October's, of 62.98 + 13.04 + 51.53 net, issued and closed."""
    told = named(organisation)
    at(monkeypatch, 2026, 11, 4, 1)
    return issued(told, MONTH)


def paid(invoice):
    return record_payment(
        actor=SYSTEM, invoice=invoice, amount=invoice.gross, received_on=clock.now().date()
    )


def whole(invoice, **fields):
    return credit_notes.credit_whole(
        **{"actor": SYSTEM, "invoice": invoice, "reason": WHY, **fields}
    )


@pytest.mark.usefixtures("trusting")
def test_a_whole_invoice_is_credited_line_by_line(invoice):
    note = whole(invoice)
    said, before = from_json(note.document), from_json(invoice.document)
    assert (note.kind, note.number) == (Kind.CREDIT_NOTE, "2026-000002")
    assert said.corrects == Reference("2026-000001", before.issued_on)
    assert (said.lines, said.buyer, said.place) == (before.lines, before.buyer, before.place)
    assert (note.net, note.vat, note.gross) == (invoice.net, invoice.vat, invoice.gross)
    assert said.notes == (WHY,)
    assert standing(invoice).state == State.CREDITED
    assert sums(10) == {0}
    assert invoicing.verify() == []


@pytest.mark.usefixtures("trusting")
def test_costs_are_invoices_less_credit_notes(invoice):
    amounts = {1: Decimal("10.00"), 3: Decimal("51.53")}
    note = credit_notes.credit_lines(actor=SYSTEM, invoice=invoice, amounts=amounts, reason=WHY)
    assert note.net == Decimal("61.53")
    assert sums(10) == {invoice.net - note.net}
    lines = CostLine.objects.filter(reference__startswith="credit-note:")
    assert [(r.offering, r.billed_cost) for r in lines] == [("postgresql", Decimal("-61.53"))]
    found = standing(invoice)
    assert (found.state, found.left) == (State.OPEN, invoice.gross - note.gross)


@pytest.mark.usefixtures("trusting")
def test_what_is_left_is_credited_in_the_end(invoice):
    for amount in ("33.33", "33.33"):
        credit_notes.credit_amount(
            actor=SYSTEM, invoice=invoice, amount=Decimal(amount), reason=WHY
        )
    rest = whole(invoice)
    assert rest.net == invoice.net - Decimal("66.66")
    assert sum(credit_notes.left_of(invoice).values()) == 0
    found = standing(invoice)
    assert (found.state, found.left) == (State.CREDITED, 0)
    with pytest.raises(Conflict, match="Nothing is left"):
        whole(invoice)


@pytest.mark.usefixtures("trusting")
def test_never_more_than_is_left(invoice):
    credit_notes.credit_amount(actor=SYSTEM, invoice=invoice, amount=Decimal(100), reason=WHY)
    with pytest.raises(Conflict, match=r"27\.55 net are left"):
        credit_notes.credit_lines(
            actor=SYSTEM, invoice=invoice, amounts={1: Decimal("27.56")}, reason=WHY
        )
    assert Invoice.objects.filter(kind="381").count() == 1


@pytest.mark.usefixtures("trusting")
@pytest.mark.parametrize(
    ("number", "amount"), [(1, "62.99"), (1, "0"), (1, "-1"), (1, "0.005"), (4, "1"), (0, "1")]
)
def test_a_line_gives_no_more_than_it_has(invoice, number, amount):
    with pytest.raises(Invalid) as told:
        credit_notes.credit_lines(
            actor=SYSTEM, invoice=invoice, amounts={number: Decimal(amount)}, reason=WHY
        )
    assert list(told.value.fields) == [f"line-{number}"]


@pytest.mark.usefixtures("trusting")
def test_with_a_cause_it_is_exactly_once(invoice):
    ask = {"actor": SYSTEM, "invoice": invoice, "amount": Decimal("3.20"), "reason": WHY}
    first = credit_notes.credit_amount(**ask, cause="sla:2026-10:pg-1")
    again = credit_notes.credit_amount(**ask, cause="sla:2026-10:pg-1")
    assert first.pk == again.pk
    assert sums(10) == {invoice.net - Decimal("3.20")}


@pytest.mark.usefixtures("trusting")
def test_a_credit_goes_to_the_service_that_it_is_for(invoice, organisation):
    service = organisation.projects.first().instances.first()
    credit_notes.credit_amount(
        actor=SYSTEM, invoice=invoice, amount=Decimal("3.20"), reason=WHY, instance=service
    )
    line = CostLine.objects.get(instance=service, category="credit")
    assert (line.billed_cost, line.is_correction) == (Decimal("-3.20"), True)


@pytest.mark.usefixtures("trusting")
def test_it_is_audited_with_its_reason(invoice):
    note = whole(invoice, actor=make_staff())
    event = AuditEvent.objects.get(verb="invoice.credit")
    assert (event.target, event.reason) == (invoice.number, WHY)
    assert event.after["credit_note"] == note.number


@pytest.mark.usefixtures("trusting")
def test_only_staff_credits_only_issued_invoices_and_says_why(invoice, organisation):
    with pytest.raises(NotPermitted):
        whole(invoice, actor=make_owner(organisation.projects.first()))
    with pytest.raises(Invalid, match="Say why"):
        whole(invoice, reason=" ")
    note = whole(invoice)
    with pytest.raises(Conflict, match="Only an issued invoice"):
        whole(note)


@pytest.mark.usefixtures("trusting")
def test_a_paid_invoice_that_is_credited_has_money_to_go_back(invoice):
    paid(invoice)
    whole(invoice)
    found = standing(invoice)
    assert (found.state, found.left) == (State.OVERPAID, -invoice.gross)


@pytest.mark.usefixtures("trusting")
def test_the_csv_of_each_document_adds_up_to_it(invoice, monkeypatch):
    paid(invoice)
    credit_notes.credit_amount(actor=SYSTEM, invoice=invoice, amount=Decimal(7), reason=WHY)
    late(invoice.organisation, -3)
    november(invoice.organisation, monkeypatch)
    credit_notes.credit_reductions(actor=SYSTEM, organisation=invoice.organisation, month=NOVEMBER)
    for document, sign in ((invoice, 1), *((n, -1) for n in credit_notes.notes_of(invoice))):
        rows = csv.DictReader("".join(as_csv(document)).splitlines())
        assert sum(Decimal(row["billed_cost"]) for row in rows) == sign * document.net


@pytest.mark.usefixtures("einvoice_rules")
@pytest.mark.parametrize("case", BUYERS)
def test_credit_notes_are_judged_valid(organisation, monkeypatch, case):
    told = named(organisation, case)
    at(monkeypatch, 2026, 11, 4, 1)
    first = invoicing.issue(actor=SYSTEM, invoice=invoicing.draft(told, MONTH))
    paid(first)
    credit_notes.credit_amount(actor=SYSTEM, invoice=first, amount=Decimal("3.21"), reason=WHY)
    part = {1: Decimal("10.00"), 2: Decimal("13.04")}
    credit_notes.credit_lines(actor=SYSTEM, invoice=first, amounts=part, reason=WHY)
    late(told, -3)
    november(told, monkeypatch)
    credit_notes.credit_reductions(actor=SYSTEM, organisation=told, month=NOVEMBER)
    whole(first)
    notes = credit_notes.notes_of(first)
    assert [note.net for note in notes][:3] == [Decimal("3.21"), Decimal("23.04"), Decimal("9.23")]
    for note in notes:
        verdict = judge(from_json(note.document))
        assert [f.text for f in verdict.fatal] == []
        assert all(verdict.fired.values())
        assert set(verdict.xml) | {"pdf"} == set(note.files.values_list("format", flat=True))
    assert standing(first).left == -first.gross
    assert sums(10) == {0}
    assert invoicing.verify() == []
    assert CostRollup.objects.aggregate(Sum("billed_cost")) == CostLine.objects.aggregate(
        Sum("billed_cost")
    )


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("trusting")
def test_four_at_once_credit_no_more_than_there_is(invoice):
    def credit(_):
        try:
            return credit_notes.credit_amount(
                actor=SYSTEM, invoice=invoice, amount=Decimal(60), reason=WHY
            ).net
        except Conflict:
            return Decimal(0)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        credited = sum(pool.map(credit, range(4)))
    assert credited == 120
    assert sums(10) == {invoice.net - 120}
    assert invoicing.verify() == []
