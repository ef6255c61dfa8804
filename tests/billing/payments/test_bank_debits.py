"""What a bank's statement tells of money that went: taken back, paid back, or something else."""

from datetime import date
from decimal import Decimal

import pytest
from django.core import mail

from billing import tasks
from billing.dunning import steps as dunning
from billing.dunning import suspension
from billing.dunning.steps import Planned
from billing.einvoice.stored import to_json
from billing.invoices.standing import State, standing
from billing.models import BankEntry, Payment
from billing.payments import actions as payments
from billing.payments import bank_entries
from billing.payments.notices import RETURNED
from portal.kernel.actor import SYSTEM
from portal.kernel.errors import Conflict
from portal.notifications.queries import words_of
from portal.outbox.models import OutboxEntry
from portal.tenancy.models import Organisation
from tests.billing.dunning.test_steps import after, day, known, live, steps
from tests.billing.einvoice import samples
from tests.billing.payments.test_actions import credited
from tests.billing.payments.test_actions import invoice as made
from tests.billing.payments.test_camt import entry, returned, statement
from tests.makers import make_project, make_staff

__all__ = ["day"]  # a fixture
pytestmark = [pytest.mark.walk, pytest.mark.django_db]
RULE_DAYS = (7, 14, 28, 35)


@pytest.fixture
def invoice(day):
    """Due on 18 November; it is the day after."""
    day(1)
    return made(organisation=make_project().organisation, document=to_json(samples.invoice()))


def take(*entries, **fields):
    return bank_entries.import_statement(actor=SYSTEM, content=statement(*entries, **fields))


def back(amount="151.78", *, text="", reference="BACK", **fields):
    """A direct debit that was taken back, as the bank tells it."""
    details = returned(**fields).replace("2026-000001", text)
    return entry(amount, direction="DBIT", reference=reference, details=details)


def out(amount, text, reference="OUT"):
    return entry(amount, text=text, direction="DBIT", reference=reference, payer="")


def waiting():
    return list(bank_entries.unmatched(SYSTEM))


def test_a_payment_that_was_taken_back_opens_its_invoice_again(invoice):
    take(entry(text=invoice.number))
    assert standing(invoice).state == State.PAID
    told = take(back(text=invoice.number))
    assert (told.new, told.matched) == (1, 1)
    assert (standing(invoice).state, standing(invoice).left) == (State.OPEN, invoice.gross)
    paid, reversal = Payment.objects.order_by("pk")
    assert (reversal.reverses, reversal.amount) == (paid, -paid.amount)
    assert reversal.reason == "Taken back by the bank: AM04"
    assert (reversal.received_on, reversal.reopens) == (date(2026, 11, 12), True)
    assert waiting() == []  # neither the debit nor the receipt
    words = words_of(OutboxEntry.objects.get(kind=RETURNED))
    assert words.title == f"A payment of invoice {invoice.number} was taken back"
    assert "151.78" in words.body


def test_the_same_statement_again_takes_nothing_back_twice(invoice):
    take(entry(text=invoice.number))
    take(back(text=invoice.number))
    again = take(entry(text=invoice.number), back(text=invoice.number), name="monthly")
    assert (again.new, again.known) == (0, 2)
    assert Payment.objects.count() == 2


def test_it_is_paid_again_after_that(invoice):
    take(entry(text=invoice.number))
    take(back(text=invoice.number))
    assert take(entry(text=invoice.number, reference="SECOND")).matched == 1
    assert standing(invoice).state == State.PAID
    assert take(back(text=invoice.number, reference="BACK-2")).matched == 1
    assert standing(invoice).left == invoice.gross


def test_charges_of_the_bank_are_not_the_buyers(invoice):
    take(entry(text=invoice.number))
    amounts = '<AmtDtls><InstdAmt><Amt Ccy="EUR">151.78</Amt></InstdAmt></AmtDtls>'
    assert take(back("154.78", text=invoice.number, amounts=amounts)).matched == 1
    assert standing(invoice).left == invoice.gross


def test_a_receipt_for_several_invoices_is_taken_back_for_all_of_them(invoice):
    second = made("100.00", organisation=invoice.organisation, month=date(2026, 9, 1))
    both = f"{invoice.number} {second.number}"
    assert take(entry("251.78", text=both)).matched == 1
    assert take(back("151.78", text=invoice.number)).matched == 0  # it was one receipt
    assert take(back("251.78", text=both, reference="ALL")).matched == 1
    assert {standing(invoice).state, standing(second).state} == {State.OPEN}


@pytest.mark.parametrize(
    ("amount", "text"), [("151.77", "{}"), ("151.78", "2026-000999"), ("151.78", "?")]
)
def test_what_does_not_fit_waits_for_staff(invoice, amount, text):
    take(entry(text=invoice.number))
    assert take(back(amount, text=text.format(invoice.number))).matched == 0
    (found,) = waiting()
    assert (found.direction, found.returned, found.amount) == ("debit", "AM04", Decimal(amount))
    assert bank_entries.why_returned(found) == "the account has too little money"
    assert standing(invoice).state == State.PAID


def test_of_two_payments_that_fit_staff_chooses(invoice):
    for reference in ("A", "B"):
        take(entry("50.00", text="?", reference=reference))
    for found in waiting():
        bank_entries.assign_entry(actor=make_staff(), entry=found, number=invoice.number)
    assert take(back("50.00", text=invoice.number)).matched == 0
    (found,) = waiting()
    bank_entries.assign_entry(actor=make_staff(), entry=found, number=invoice.number)
    assert standing(invoice).paid == 50
    assert not Payment.objects.get(reverses__isnull=False).reopens  # it was open before
    assert not OutboxEntry.objects.filter(kind=RETURNED).exists()
    assert waiting() == []


def paid_by_hand(invoice, on):
    return payments.record_payment(
        actor=SYSTEM, invoice=invoice, amount=invoice.gross, received_on=on
    )


def test_what_came_after_it_was_taken_back_is_another_payment(invoice):
    """Its receipt was never taken in; it was paid again before the statement came."""
    paid_by_hand(invoice, date(2026, 11, 13))
    assert take(back(text=invoice.number)).matched == 0
    assert standing(invoice).state == State.PAID
    (found,) = waiting()
    with pytest.raises(Conflict, match="paid too much"):
        bank_entries.assign_entry(actor=SYSTEM, entry=found, number=invoice.number)
    assert standing(invoice).state == State.PAID


@pytest.mark.parametrize("receipts", [1, 2])
def test_what_staff_reversed_before_the_statement_came_is_not_reversed_again(invoice, receipts):
    """Paid again on the day on which the bank took it back."""
    second = made("100.00", organisation=invoice.organisation, month=date(2026, 9, 1))
    named = [invoice, second][:receipts]
    numbers, whole = " ".join(one.number for one in named), sum(one.gross for one in named)
    assert take(entry(f"{whole}", text=numbers)).matched == 1
    for one in named:
        first = Payment.objects.get(invoice=one)
        payments.reverse_payment(actor=SYSTEM, payment=first, reason="The bank called.")
    assert take(entry(f"{whole}", text=numbers, reference="AGAIN")).matched == 1
    assert take(back(f"{whole}", text=numbers)).matched == 0
    assert {standing(one).state for one in named} == {State.PAID}
    assert "AM04" in {one.returned for one in waiting()}


def test_what_staff_reversed_of_another_amount_is_something_else(invoice):
    wrong = payments.record_payment(
        actor=SYSTEM, invoice=invoice, amount=Decimal(10), received_on=date(2026, 11, 10)
    )
    payments.reverse_payment(actor=SYSTEM, payment=wrong, reason="Of another buyer.")
    take(entry(text=invoice.number))
    assert take(back(text=invoice.number)).matched == 1


@pytest.mark.parametrize("by", ["note", "invoice"])
def test_a_refund_of_a_credit_note_is_matched_by_number(invoice, by):
    payments.record_payment(
        actor=SYSTEM, invoice=invoice, amount=invoice.gross, received_on=after(1)
    )
    note = credited(invoice, "50.00")
    number = {"note": note.number, "invoice": invoice.number}[by]
    assert take(out("50.00", f"Refund {number}")).matched == 1
    assert (standing(invoice).state, standing(invoice).left) == (State.PAID, 0)
    assert Payment.objects.get(amount=-50).entry == BankEntry.objects.get()
    assert waiting() == []


def test_more_than_was_paid_too_much_waits_and_cannot_be_assigned(invoice):
    assert take(out("50.00", f"Refund {invoice.number}")).matched == 0
    (found,) = waiting()
    with pytest.raises(Conflict, match="paid too much"):
        bank_entries.assign_entry(actor=SYSTEM, entry=found, number=invoice.number)
    bank_entries.set_entry_aside(actor=SYSTEM, entry=found, reason="Rent of the office.")
    assert waiting() == []


def test_a_refund_that_comes_back_waits_for_staff(invoice):
    told = entry("151.78", text=invoice.number, reversal="<RvslInd>true</RvslInd>")
    assert take(told).matched == 0
    assert [(one.direction, one.returned) for one in waiting()] == [("credit", "RVSL")]
    assert standing(invoice).state == State.OPEN


# -- reminders -------------------------------------------------------------------------------------


def test_reminders_begin_anew_from_the_day_on_which_it_was_taken_back(invoice, day, settings):
    settings.POLDER_SUSPEND = "automatic"
    known(invoice)
    live(day, RULE_DAYS)
    day(36)
    payments.record_payment(
        actor=SYSTEM, invoice=invoice, amount=invoice.gross, received_on=after(36)
    )
    live(day, range(37, 60))
    assert len(steps()) == 4
    day(60)
    told = back(text=invoice.number).replace("2026-11-12", f"{after(60):%F}")
    assert take(told).matched == 1
    assert dunning.planned(SYSTEM)[0][1] == Planned("reminder", 1, after(67))
    assert dunning.announced_suspension(invoice) is None
    live(day, range(61, 110))
    assert steps()[4:] == [
        ("reminder", 1, 67),
        ("reminder", 2, 74),
        ("reminder", 3, 88),
        ("warning", 1, 95),
        ("suspension", 1, 102),
    ]
    assert Organisation.objects.get(pk=invoice.organisation_id).suspended_at
    names = [sent.extra_headers["Message-ID"] for sent in mail.outbox]
    assert len(set(names)) == len(names) == 9


def test_a_warning_from_before_does_not_keep_a_suspension(invoice, day, settings):
    """Another invoice is paid; this one was warned of, paid, and taken back since."""
    settings.POLDER_SUSPEND = "automatic"
    second = made(organisation=invoice.organisation, month=date(2026, 9, 1))
    live(day, [*RULE_DAYS, 36])
    pay_all(invoice, 36)
    live(day, [42])
    day(43)
    told = back(text=invoice.number).replace("2026-11-12", f"{after(43):%F}")
    assert take(told).matched == 1
    pay_all(second, 43)
    assert dunning.planned(SYSTEM)[0][1] == Planned("reminder", 1, after(50))
    assert Organisation.objects.get(pk=invoice.organisation_id).suspended_at is None
    tasks.dun()
    assert suspension.to_suspend(SYSTEM) == []


def pay_all(invoice, days):
    payments.record_payment(
        actor=SYSTEM, invoice=invoice, amount=standing(invoice).left, received_on=after(days)
    )
