"""Corrections that give back more than they take: as a credit note, or carried over to the next."""

import csv
import random
import re
from datetime import date
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing import cycle
from billing.costs import corrections
from billing.costs.posting import Posting, post, settle, take_month
from billing.credit_notes import actions as credit_notes
from billing.credits import grants as credits
from billing.einvoice.checks import own_findings
from billing.einvoice.judging import judge
from billing.einvoice.stored import from_json
from billing.identity import actions as identities
from billing.invoices import invoicing
from billing.invoices.formats import as_csv
from billing.invoices.standing import standing
from billing.models import CostLine, CostRollup, Invoice, InvoiceRun, RatedMonth
from billing.month_end import runs
from billing.payments.actions import record_payment
from portal.audit.models import AuditEvent
from portal.console import credits as credits_pages
from portal.kernel import clock
from portal.kernel.actor import SYSTEM
from portal.tenancy.models import Organisation
from tests.billing.credits.test_grants import redeem
from tests.billing.einvoice.test_corrections import (
    NOVEMBER,
    at,
    begin,
    issued,
    late,
    named,
    november,
    sums,
)
from tests.billing.einvoice.test_credit_notes import WHY, invoice, paid, trusting, whole
from tests.billing.einvoice.test_drafting import MONTH, a_provider, organisation
from tests.makers import make_owner

__all__ = ["a_provider", "invoice", "organisation", "trusting"]  # fixtures
pytestmark = [
    pytest.mark.einvoice,
    pytest.mark.django_db,
    pytest.mark.usefixtures("prices", "fake", "a_provider"),
]


@pytest.mark.usefixtures("trusting")
def test_reductions_of_a_paid_invoice_become_a_credit_note(invoice, organisation, monkeypatch):
    paid(invoice)
    late(invoice.organisation, -3)
    november(invoice.organisation, monkeypatch)
    (note,) = credit_notes.credit_reductions(
        actor=SYSTEM, organisation=invoice.organisation, month=NOVEMBER
    )
    assert (note.net, note.corrects_id) == (Decimal("9.23"), invoice.pk)
    assert all(line.quantity > 0 for line in from_json(note.document).lines)
    assert sums(10) == {invoice.net - note.net}
    second = issued(invoice.organisation, NOVEMBER)
    assert {line.group for line in from_json(second.document).lines} == {""}
    assert sums(11) == {second.net}
    late(invoice.organisation, 0)
    assert corrections.correct_due().lines == 0


@pytest.mark.usefixtures("trusting")
def test_reductions_of_an_unpaid_invoice_stand_on_the_next_one(invoice, monkeypatch):
    late(invoice.organisation, -3)
    made = november(invoice.organisation, monkeypatch)
    asked = {"actor": SYSTEM, "organisation": invoice.organisation, "month": NOVEMBER}
    assert credit_notes.credit_reductions(**asked) == []
    assert any(line.group for line in from_json(made.document).lines)


@pytest.mark.usefixtures("trusting")
def test_an_invoice_below_nothing_is_a_credit_note_instead(invoice, monkeypatch):
    """Nothing runs in November, and October's invoice is not paid."""
    CostLine.objects.filter(day__month=11).delete()
    CostRollup.objects.filter(day__month=11).delete()
    late(invoice.organisation, -3)
    at(monkeypatch, 2026, 12, 4, 1)
    assert runs._gave_back_all(invoice.organisation, NOVEMBER)
    (note,) = credit_notes.notes_of(invoice)
    assert note.net == Decimal("9.23")
    assert sums(11) == {None}


@pytest.mark.usefixtures("trusting")
def test_a_month_that_needs_no_invoice_gives_back_what_its_draft_took(invoice, monkeypatch):
    """The draft of November took a voucher's credit; then it turns out that nothing ran in it."""
    told = invoice.organisation
    redeem(told, "20")
    november(told, monkeypatch)
    assert given_of(told).left < 20
    CostLine.objects.filter(day__month=11).exclude(category="credit").delete()
    CostRollup.objects.filter(day__month=11).exclude(category="credit").delete()
    late(told, -3)
    assert runs._gave_back_all(told, NOVEMBER)
    (note,) = credit_notes.notes_of(invoice)
    assert note.net == Decimal("9.23")
    assert (given_of(told).left, sums(11)) == (20, {None})
    assert not Invoice.objects.filter(month=NOVEMBER).exists()


def test_a_run_that_closes_a_month_without_invoice_gives_credit_back(organisation, monkeypatch):
    told = named(organisation)
    redeem(told, "20")
    invoicing.draft(told, MONTH)
    assert given_of(told).left == 0
    CostLine.objects.filter(category="usage").delete()
    at(monkeypatch, 2026, 11, 5, 1)
    RatedMonth.objects.filter(month=MONTH).update(due_since=None)
    run = InvoiceRun.objects.create(month=MONTH, kind="issue", created_at=clock.now())
    runs._end(run)
    assert given_of(told).left == 20
    assert RatedMonth.objects.get(organisation=told, month=MONTH).closed_at == clock.now()
    assert not Invoice.objects.exists()


def shorter(invoice, days):
    """October turns out to have used less: the service that ran all of it began `days` later."""
    oldest = invoice.organisation.projects.first().instances.order_by("pk").first()
    begin(oldest, -days)
    cycle.meter_month(MONTH)
    return corrections.correct_due()


def bought(organisation, month, amount):
    """All that the month bills but corrections."""
    used = CostLine.objects.filter(day__month=month.month, is_correction=False)
    days = set(used.values_list("day", flat=True))
    used.delete()
    for day in days:
        settle(take_month(organisation.pk, day), day, CostLine.Category.USAGE, lines=0)
    post(
        Posting(
            organisation=organisation,
            day=month,
            category=CostLine.Category.PURCHASE,
            amount=amount,
            reference=f"commitment:{month:%Y-%m}",
            about={"what": "2 × single-2x8"},
        )
    )


def reduced(organisation, month, monkeypatch):
    """The month as a run issues it."""
    at(monkeypatch, month.year + month.month // 12, month.month % 12 + 1, 4, 1)
    return None if runs._gave_back_all(organisation, month) else issued(organisation, month)


def given_of(organisation):
    (balance,) = credits.balances_for(SYSTEM, organisation)
    return balance


@pytest.mark.usefixtures("trusting")
def test_what_is_more_than_is_left_of_the_invoice_is_carried_over(invoice, monkeypatch):
    told = invoice.organisation
    paid(invoice)
    credit_notes.credit_amount(actor=SYSTEM, invoice=invoice, amount=Decimal(60), reason=WHY)
    shorter(invoice, 30)
    back = -sum(line.net for line in credit_notes.corrections_of(told, NOVEMBER, MONTH))
    bought(told, NOVEMBER, Decimal("5.00"))
    second = reduced(told, NOVEMBER, monkeypatch)
    _by_hand, note = credit_notes.notes_of(invoice)
    assert note.net == Decimal("67.55")  # 127.55 less 60
    said = from_json(note.document)
    assert [a.amount for a in said.allowances] == [back - note.net]
    assert own_findings(said) == []
    assert (sums(10), sums(11)) == ({0}, {0})
    assert (second.net, second.gross) == (0, 0)
    assert given_of(told).left == back - note.net - 5
    assert credits_page(told)[0].scope == "Corrections for October 2026"
    december = date(2026, 12, 1)
    bought(told, december, Decimal("100.00"))
    third = reduced(told, december, monkeypatch)
    assert third.net == 105 - (back - note.net)
    (taken_off,) = from_json(third.document).allowances
    assert taken_off.reason == "Carried over from corrections for 2026-10"
    assert (given_of(told).left, sums(12)) == (0, {third.net})
    assert sum(Decimal(row["billed_cost"]) for row in _rows(note)) == -note.net
    assert AuditEvent.objects.get(verb="credit.carry").after["amount"] == f"{back - note.net:f}"
    assert corrections.correct_due().lines == 0


def credits_page(organisation):
    return credits_pages.overview(SYSTEM, organisation)["rows"]


def _rows(document):
    return csv.DictReader("".join(as_csv(document)).splitlines())


@pytest.mark.usefixtures("einvoice_rules", "trusting")
@pytest.mark.parametrize("language", ["en", "de", "fr"])
def test_what_carries_over_and_what_takes_it_is_judged_valid(organisation, monkeypatch, language):
    told = named(organisation)
    identities.update_identity(
        actor=make_owner(told.projects.first()),
        organisation=told,
        values={"language": language},
    )
    at(monkeypatch, 2026, 11, 4, 1)
    first = issued(Organisation.objects.get(pk=told.pk), MONTH)
    paid(first)
    credit_notes.credit_amount(actor=SYSTEM, invoice=first, amount=Decimal(60), reason=WHY)
    shorter(first, 30)
    bought(told, NOVEMBER, Decimal("50.00"))
    second = reduced(told, NOVEMBER, monkeypatch)
    _by_hand, note = credit_notes.notes_of(first)
    assert from_json(note.document).allowances
    assert from_json(second.document).allowances
    for document in (note, second):
        verdict = judge(from_json(document.document))
        assert [f.text for f in verdict.fatal] == []
        assert all(verdict.fired.values())


@pytest.mark.usefixtures("trusting")
def test_where_nothing_is_left_of_the_invoice_all_of_it_is_carried_over(invoice, monkeypatch):
    """Its own correction took the last of it: nobody decided that all is given back."""
    told = invoice.organisation
    paid(invoice)
    credit_notes.credit_amount(actor=SYSTEM, invoice=invoice, amount=Decimal(100), reason=WHY)
    shorter(invoice, 20)
    bought(told, NOVEMBER, Decimal("5.00"))
    assert reduced(told, NOVEMBER, monkeypatch).net == 0
    assert [note.net for note in credit_notes.notes_of(invoice)] == [100, Decimal("27.55")]
    first = given_of(told)
    shorter(invoice, 10)
    december = date(2026, 12, 1)
    back = -sum(line.net for line in credit_notes.corrections_of(told, december, MONTH))
    assert back > 0
    bought(told, december, Decimal("1.00"))
    assert reduced(told, december, monkeypatch).net == 0
    balances = credits.balances_for(SYSTEM, told)
    assert [one.grant.amount for one in balances] == [first.grant.amount, back]
    assert (sums(10), sums(12)) == ({0}, {0})
    assert len(credit_notes.notes_of(invoice)) == 2


@pytest.mark.usefixtures("trusting")
@pytest.mark.parametrize("pays", [True, False])
@pytest.mark.parametrize("before", [0, 60])
def test_what_was_corrected_before_it_was_credited_whole_is_not_given_back_again(
    invoice, monkeypatch, pays, before
):
    told = invoice.organisation
    if pays:
        paid(invoice)
    if before:
        credit_notes.credit_amount(
            actor=SYSTEM, invoice=invoice, amount=Decimal(before), reason=WHY
        )
    shorter(invoice, 20)
    whole(invoice)
    bought(told, NOVEMBER, Decimal("100.00"))
    second = reduced(told, NOVEMBER, monkeypatch)
    assert (second.net, sums(10), sums(11)) == (100, {0}, {100})
    assert not credits.balances_for(SYSTEM, told)
    assert sum(note.net for note in credit_notes.notes_of(invoice)) == invoice.net
    RatedMonth.objects.filter(month=MONTH).update(due_since=clock.now())
    assert corrections.correct_due() == corrections.Corrected(1, 0)
    assert invoicing.verify() == []


@pytest.mark.usefixtures("trusting")
def test_what_credit_paid_for_is_carried_over_when_it_is_given_back(organisation, monkeypatch):
    """An invoice over nothing has no credit note, and is not credited whole."""
    told = named(organisation)
    voucher = redeem(told, "200")
    at(monkeypatch, 2026, 11, 4, 1)
    first = issued(Organisation.objects.get(pk=told.pk), MONTH)
    assert first.net == 0
    assert shorter(first, 20).lines > 0
    back = -sum(line.net for line in credit_notes.corrections_of(told, NOVEMBER, MONTH))
    bought(told, NOVEMBER, Decimal("1.00"))
    assert reduced(told, NOVEMBER, monkeypatch).net == 0
    given = {one.grant.carries: one for one in credits.balances_for(SYSTEM, told)}
    assert given[None].grant == voucher
    assert (given[MONTH].grant.amount, given[MONTH].grant.expires_on) == (back, None)
    assert sum(one.left for one in given.values()) == 200 - Decimal("127.55") + back - 1


@pytest.mark.usefixtures("trusting")
@pytest.mark.parametrize("credited", [0, 60])
def test_both_months_are_taken_in_the_order_of_corrections(invoice, monkeypatch, credited):
    """Else a correction, which holds the earlier and waits for the later, waits for ever."""
    told = invoice.organisation
    paid(invoice)
    if credited:
        credit_notes.credit_amount(actor=SYSTEM, invoice=invoice, amount=Decimal(60), reason=WHY)
    shorter(invoice, 30)
    with CaptureQueriesContext(connection) as asked:
        credit_notes.credit_reductions(actor=SYSTEM, organisation=told, month=NOVEMBER)
    assert taken(asked)[:2] == ["2026-10-01", "2026-11-01"]


def taken(asked):
    """The months that were locked, each when it was first."""
    found = [
        re.search(r"'?(\d{4}-\d\d-\d\d)'?", one["sql"].partition("WHERE")[2])
        for one in asked
        if "billing_ratedmonth" in one["sql"] and "FOR UPDATE" in one["sql"]
    ]
    return list(dict.fromkeys(one[1] for one in found if one))


@pytest.mark.usefixtures("trusting")
@pytest.mark.parametrize("seed", range(6))
def test_however_it_comes_no_total_is_negative_and_every_sum_agrees(invoice, monkeypatch, seed):
    """Notes by hand, corrections, payments and small months at random; nothing is lost."""
    rng, told = random.Random(seed), invoice.organisation
    fixed, owed, shifted = invoice.net, invoice.net, 0
    for month in (NOVEMBER, date(2026, 12, 1), date(2027, 1, 1), date(2027, 2, 1)):
        left = sum(credit_notes.left_of(invoice).values())
        by_hand = Decimal(rng.randrange(1, 5000)) / 100
        if by_hand < left:
            credit_notes.credit_amount(actor=SYSTEM, invoice=invoice, amount=by_hand, reason=WHY)
            owed -= by_hand
        if standing(invoice).left > 0 and rng.random() < 0.5:
            amount = standing(invoice).left
            today = clock.now().date()
            record_payment(actor=SYSTEM, invoice=invoice, amount=amount, received_on=today)
        days = rng.randrange(0, 30 - shifted)
        shifted += days
        shorter(invoice, days)
        costs = Decimal(rng.randrange(1, 3000)) / 100
        bought(told, month, costs)
        owed += costs + sum(line.net for line in credit_notes.corrections_of(told, month, MONTH))
        made = reduced(told, month, monkeypatch)
        fixed += made.net
        assert min(made.net, made.gross) >= 0
        assert [f for f in own_findings(from_json(made.document)) if f.fatal] == []
        assert sums(month.month) == {made.net}
        notes = sum(note.net for note in credit_notes.notes_of(invoice))
        assert sums(10) == {invoice.net - notes}
        carried = sum(balance.left for balance in credits.balances_for(SYSTEM, told))
        assert fixed - notes - carried == owed
    assert invoicing.verify() == []
