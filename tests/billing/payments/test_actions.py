"""Payments and what an invoice stands at."""

from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import DatabaseError, transaction

from billing.invoices import invoicing
from billing.invoices.standing import State, open_items, overdue, standing, with_sums
from billing.models import BankEntry, BillingIdentity, Invoice, Payment
from billing.payments import actions as payments
from billing.payments import bank_entries
from portal.audit.models import AuditEvent
from portal.kernel import clock, ids
from portal.kernel.actor import SYSTEM
from portal.kernel.errors import Conflict, Invalid, NotFound, NotPermitted
from portal.privacy.queries import personal_data
from portal.tenancy.permissions import Role
from tests.billing.payments.test_camt import entry, statement
from tests.makers import make_member, make_organisation, make_owner, make_project, make_staff

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("now")]
TODAY = date(2026, 12, 1)


@pytest.fixture
def now(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 12, 1, 9, tzinfo=UTC))


def invoice(gross="151.78", **fields):
    """An issued one, due on 18 November."""
    wanted = {"kind": "380", "net": "127.55", "vat": "24.23", "due_on": date(2026, 11, 18)}
    made = Invoice.objects.create(
        **{
            "public_id": ids.public_id("in"),
            "organisation": make_organisation(),
            "month": date(2026, 10, 1),
            "gross": gross,
            **wanted,
            **fields,
        }
    )
    sealed = invoicing.seal(actor=SYSTEM, invoice=made)
    return Invoice.objects.get(pk=sealed.pk)


def pay(made, amount, **fields):
    return payments.record_payment(
        **{
            "actor": SYSTEM,
            "invoice": made,
            "amount": Decimal(amount),
            "received_on": TODAY,
            **fields,
        }
    )


def credited(made, gross, net="1"):
    return invoice(
        gross, net=net, kind="381", organisation=made.organisation, corrects=made, due_on=None
    )


@pytest.mark.parametrize(
    ("received", "state", "left"),
    [
        ([], State.OPEN, "151.78"),
        (["100"], State.PART_PAID, "51.78"),
        (["100", "51.78"], State.PAID, "0"),
        (["151.79"], State.OVERPAID, "-0.01"),
    ],
)
def test_what_is_left_follows_from_payments(received, state, left):
    made = invoice()
    for amount in received:
        pay(made, amount)
    found = standing(made)
    assert (found.state, found.left) == (state, Decimal(left))
    assert found.days_late == (13 if found.left > 0 else 0)


@pytest.mark.parametrize(
    ("note", "received", "state", "left"),
    [
        (("51.78", "43.51"), [], State.OPEN, "100"),
        (("51.78", "43.51"), ["100"], State.PAID, "0"),
        (("151.78", "127.55"), [], State.CREDITED, "0"),
        (("151.77", "127.55"), [], State.CREDITED, "0"),
        (("151.78", "127.55"), ["151.78"], State.OVERPAID, "-151.78"),
    ],
)
def test_credit_notes_are_set_off(note, received, state, left):
    """Of an invoice credited whole, cents of VAT do not matter."""
    made = invoice()
    for amount in received:
        pay(made, amount)
    credited(made, *note)
    found = standing(made)
    assert (found.state, found.left) == (state, Decimal(left))


def test_drafts_and_credit_notes_are_not_asked_for():
    made = invoice()
    draft = Invoice(public_id="in-1", organisation=made.organisation, month=date(2026, 11, 1))
    draft.save()
    assert standing(draft).state == State.DRAFT
    assert standing(credited(made, "10")).state == State.NOTE
    with pytest.raises(Conflict, match="Only an issued invoice"):
        pay(draft, "1")


def test_many_rows_cost_one_query(django_assert_num_queries):
    made = invoice()
    pay(made, "1")
    credited(made, "10")
    with django_assert_num_queries(1):
        states = [standing(row).state for row in with_sums(Invoice.objects.order_by("pk"))]
    assert states == [State.PART_PAID, State.NOTE]


def test_open_items_are_what_is_not_even():
    paid, part, over, late = (invoice() for _ in range(4))
    future = invoice(due_on=TODAY + timedelta(days=1))
    pay(paid, "151.78")
    pay(part, "1")
    pay(over, "200")
    whole = invoice()
    credited(whole, "151.77", "127.55")
    assert set(open_items()) == {part, over, late, future}
    assert set(overdue()) == {part, late}


@contextmanager
def refused():
    with pytest.raises(DatabaseError, match="reverse it"), transaction.atomic():
        yield


def test_a_payment_cannot_be_changed_and_is_reversed_by_another():
    made = invoice()
    first = pay(made, "100")
    with refused():
        Payment.objects.update(amount=1)
    with refused():
        Payment.objects.all().delete()
    counter = payments.reverse_payment(actor=SYSTEM, payment=first, reason="Returned.")
    assert (counter.amount, counter.reverses) == (Decimal(-100), first)
    assert standing(made).state == State.OPEN
    for one in (first, counter):
        with pytest.raises(Conflict, match="reversed already"):
            payments.reverse_payment(actor=SYSTEM, payment=one, reason="Again.")
    verbs = AuditEvent.objects.filter(verb__startswith="payment.").values_list("verb", flat=True)
    assert list(verbs.order_by("sequence")) == ["payment.record", "payment.reverse"]


def test_a_refund_is_what_was_too_much():
    made = invoice()
    pay(made, "160.00")
    refund = {"actor": SYSTEM, "invoice": made, "paid_on": TODAY}
    with pytest.raises(Conflict, match=r"8\.22 were paid too much"):
        payments.record_refund(**refund, amount=Decimal("8.23"))
    payments.record_refund(**refund, amount=Decimal("8.22"))
    assert standing(made).state == State.PAID


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"amount": Decimal(0)}, "amount"),
        ({"amount": Decimal(-1)}, "amount"),
        ({"amount": Decimal("0.001")}, "amount"),
        ({"amount": Decimal("NaN")}, "amount"),
        ({"received_on": TODAY + timedelta(days=1)}, "received_on"),
        ({"received_on": date(1999, 1, 1)}, "received_on"),
        ({"method": "barter"}, "method"),
        ({"reference": "x" * 141}, "reference"),
    ],
)
def test_what_cannot_be_is_told(fields, name):
    made = invoice()
    with pytest.raises(Invalid) as told:
        pay(made, fields.pop("amount", "1"), **fields)
    assert list(told.value.fields) == [name]
    assert not Payment.objects.exists()


def test_members_do_not_write_payments():
    made = invoice()
    owner = make_owner(make_project(made.organisation))
    with pytest.raises(NotPermitted):
        pay(made, "1", actor=owner)
    with pytest.raises(NotPermitted):
        bank_entries.import_statement(actor=owner, content=statement(entry()))
    with pytest.raises(NotPermitted):
        bank_entries.unmatched(owner)


# -- statements ------------------------------------------------------------------------------------


def take(*entries, **fields):
    return bank_entries.import_statement(actor=SYSTEM, content=statement(*entries, **fields))


@pytest.mark.parametrize("text", ["{}", "Invoice {} thank you", "RE{}X", "KD 4711 RG-NR {}/Okt"])
def test_a_receipt_is_matched_by_number_and_amount(text):
    made = invoice()
    found = take(entry(text=text.format(made.number)))
    assert (found.new, found.matched) == (1, 1)
    payment = Payment.objects.get()
    assert (payment.invoice, payment.amount) == (made, Decimal("151.78"))
    assert payment.received_on == date(2026, 11, 12)
    assert standing(made).state == State.PAID


@pytest.mark.parametrize("change", [("-", ""), ("-", " ")])
def test_what_banks_make_of_a_number_is_understood(change):
    made = invoice()
    assert take(entry(text=made.number.replace(*change))).matched == 1


def test_one_receipt_may_pay_several_invoices():
    one, two = invoice("100.00"), invoice("51.78")
    assert take(entry(text=f"{one.number} und {two.number}")).matched == 1
    assert {standing(one).state, standing(two).state} == {State.PAID}


@pytest.mark.parametrize("amount", ["151.77", "151.79", "303.56"])
def test_another_amount_waits_for_staff(amount):
    made = invoice()
    assert take(entry(amount, text=made.number)).matched == 0
    (waiting,) = bank_entries.unmatched(SYSTEM)
    assert bank_entries.suggested([waiting]) == {waiting.pk: made.number}


def test_the_largest_amount_that_is_taken_in_can_be_kept():
    assert take(entry("999999999999.99", text="?")).new == 1


@pytest.mark.parametrize("booked", ["2026-12-02", "1999-12-31"])
def test_an_entry_of_a_day_that_no_payment_may_have_keeps_nothing_up(booked):
    made, other = invoice(), invoice("51.78")
    odd = entry(text=made.number).replace("2026-11-12", booked)
    assert take(odd, entry("51.78", text=other.number, reference="REF-2")).matched == 1
    (waiting,) = bank_entries.unmatched(SYSTEM)
    assert f"{waiting.booked_on:%F}" == booked
    assert (standing(made).state, standing(other).state) == (State.OPEN, State.PAID)


def test_what_is_paid_already_is_not_matched_again():
    made = invoice()
    take(entry(text=made.number, reference="A"))
    assert take(entry(text=made.number, reference="B")).matched == 0


@pytest.mark.parametrize("text", ["Miete November", "2026-000999", "12026-0000011"])
def test_without_a_number_that_is_known_it_waits(text):
    invoice()
    assert take(entry(text=text)).matched == 0
    assert bank_entries.unmatched(SYSTEM).count() == 1


def test_the_same_statement_again_changes_nothing():
    made = invoice()
    entries = [entry(text=made.number), entry("9.00", text="?", reference="REF-2")]
    take(*entries)
    again = take(*entries, name="monthly")
    assert (again.new, again.matched, again.known) == (0, 0, 2)
    assert (Payment.objects.count(), BankEntry.objects.count()) == (1, 2)


def test_staff_says_what_a_receipt_is_for():
    made = invoice()
    take(entry("100.00"), entry("5.00", text="Zinsen", reference="REF-2"))
    first, second = bank_entries.unmatched(SYSTEM)
    bank_entries.assign_entry(actor=make_staff(), entry=first, number=f" {made.number} ")
    bank_entries.set_entry_aside(actor=make_staff(), entry=second, reason="Interest.")
    assert standing(made).state == State.PART_PAID
    assert not bank_entries.unmatched(SYSTEM).exists()
    with pytest.raises(Conflict, match="dealt with"):
        bank_entries.assign_entry(actor=SYSTEM, entry=first, number=made.number)
    with pytest.raises(Conflict, match="dealt with"):
        bank_entries.set_entry_aside(actor=SYSTEM, entry=second, reason="Again.")


def test_a_receipt_whose_payment_is_reversed_waits_again():
    made = invoice()
    take(entry(text=made.number))
    payments.reverse_payment(actor=SYSTEM, payment=Payment.objects.get(), reason="Wrong one.")
    assert bank_entries.unmatched(SYSTEM).count() == 1


@pytest.mark.parametrize("number", ["2026-000999", ""])
def test_a_number_that_is_none_is_told(number):
    take(entry())
    with pytest.raises(Invalid) as told:
        bank_entries.assign_entry(actor=SYSTEM, entry=BankEntry.objects.get(), number=number)
    assert list(told.value.fields) == ["number"]


@pytest.mark.parametrize("content", [b"", b"<a/>", b" " * 6_000_000, statement(entry("x"))])
def test_what_is_no_statement_is_told(content):
    with pytest.raises(Invalid) as told:
        bank_entries.import_statement(actor=SYSTEM, content=content)
    assert list(told.value.fields) == ["statement"]
    assert not BankEntry.objects.exists()


def test_a_person_gets_a_copy_of_their_own_payments():
    made = invoice()
    person = make_member(make_project(made.organisation), Role.OWNER)
    pay(made, "100", reference="From my account")
    assert personal_data(person)["payments"] == []
    BillingIdentity.objects.create(organisation=made.organisation, kind="consumer")
    (row,) = personal_data(person)["payments"]
    assert (row["amount"], row["reference"]) == (100, "From my account")


def test_rows_that_are_not_there():
    with pytest.raises(NotFound):
        bank_entries.entry_for(SYSTEM, "be-0")
    with pytest.raises(NotFound):
        payments.payment_for(SYSTEM, "py-0")
