"""Payments and credit notes: staff's pages, and what a tenant reads of them."""

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction

from billing.credit_notes import actions as credit_notes
from billing.dunning import steps as dunning
from billing.einvoice.stored import to_json
from billing.einvoice.totals import totals
from billing.invoices import invoicing
from billing.invoices.standing import State, standing
from billing.models import BankEntry, Invoice, Payment
from billing.payments.actions import record_payment
from portal.conf.uploads import MOST_BYTES
from portal.kernel import clock, ids
from portal.kernel.actor import SYSTEM
from portal.tenancy.permissions import Role
from tests.billing.einvoice import samples
from tests.billing.payments.test_camt import entry, statement
from tests.makers import make_member, make_project, make_user, signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]
LIST = "/staff/payments/"
MONTH_END = datetime(2026, 11, 30, 9, tzinfo=UTC)


@pytest.fixture
def invoice(monkeypatch):
    """93.57 net, 111.35 with VAT, due on 18 November; it is the first of December."""
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 12, 1, 9, tzinfo=UTC))
    monkeypatch.setattr(credit_notes, "judged", lambda document, name="": None)
    monkeypatch.setattr(credit_notes, "write_files", lambda note: None)
    document = samples.invoice()
    sums = totals(document)
    made = Invoice.objects.create(
        public_id=ids.public_id("in"),
        organisation=make_project().organisation,
        month=date(2026, 10, 1),
        due_on=document.due_on,
        document=to_json(document),
        net=sums.net,
        vat=sums.vat,
        gross=sums.gross,
    )
    return invoicing.seal(actor=SYSTEM, invoice=made)


@pytest.fixture
def staff(client):
    return signed_in(client, make_user(is_staff=True))


def account(invoice, what=""):
    return f"{LIST}invoices/{invoice.number}/" + (f"{what}/" if what else "")


def sent(staff, invoice, what, **fields):
    return staff.post(account(invoice, what), fields)


def test_open_items_and_what_waits_are_on_one_page(staff, invoice):
    text = staff.get(LIST).content.decode()
    assert account(invoice) in text
    assert "13 days late" in text
    assert text.count("111.35") >= 3


def test_staff_holds_what_is_disputed_and_the_buyer_reads_why(staff, invoice, client):
    refused = sent(staff, invoice, "hold", until="2026-11-01", reason="")
    assert refused.status_code == 422
    assert "Give a day from today on, within a year." in refused.content.decode()
    why = "You were away when it was measured."
    assert sent(staff, invoice, "hold", until="2026-12-20", reason=why).status_code == 303
    assert "Held until 20 December 2026" in staff.get(account(invoice)).content.decode()
    assert "held until 20 Dec" in staff.get(f"{LIST}reminders/").content.decode()
    reader = make_member(invoice.organisation.projects.first(), Role.BILLING)
    text = signed_in(client, reader).get(f"/costs/invoices/{invoice.number}/").content.decode()
    assert "Held until 20 December 2026" in text
    assert why in text
    again = signed_in(client, make_user(is_staff=True))
    assert sent(again, invoice, "release").status_code == 303
    assert "Held until 20 December 2026" not in again.get(account(invoice)).content.decode()


def test_a_statement_is_taken_in(staff, invoice):
    entries = (entry("111.35", text=invoice.number), entry("5.00", text="Zinsen", reference="B"))
    file = SimpleUploadedFile("camt.xml", statement(*entries))
    done = staff.post(f"{LIST}statement/", {"statement": file})
    assert done.status_code == 303
    text = staff.get(LIST).content.decode()
    assert "2 new entries, 1 of them matched" in text
    assert "Zinsen" in text
    assert standing(invoice).state == State.PAID


@pytest.mark.parametrize("fields", [{}, {"statement": SimpleUploadedFile("x.xml", b"<a/>")}])
def test_what_is_no_statement_is_told(staff, fields):
    found = staff.post(f"{LIST}statement/", fields)
    assert found.status_code == 422
    assert "aria-invalid" in found.content.decode()


def test_a_file_that_is_too_large_is_not_read(staff):
    file = SimpleUploadedFile("camt.xml", b" " * (MOST_BYTES + 1))
    found = staff.post(f"{LIST}statement/", {"statement": file})
    assert found.status_code in (400, 413)
    assert not BankEntry.objects.exists()


def test_a_receipt_is_assigned_or_set_aside(staff, invoice):
    file = SimpleUploadedFile("camt.xml", statement(entry("9.00"), entry("5.00", reference="B")))
    staff.post(f"{LIST}statement/", {"statement": file})
    first, second = BankEntry.objects.order_by("-amount")
    wrong = staff.post(f"{LIST}entries/{first.public_id}/", {"what": "assign", "number": "7"})
    assert wrong.status_code == 422
    staff.post(f"{LIST}entries/{first.public_id}/", {"what": "assign", "number": invoice.number})
    staff.post(f"{LIST}entries/{second.public_id}/", {"what": "aside", "reason": "Interest."})
    second.refresh_from_db()
    assert (standing(invoice).paid, second.set_aside) == (9, "Interest.")


def test_a_payment_is_written_down_and_reversed(staff, invoice):
    fields = {"amount": "100,50", "received_on": "2026-11-30", "method": "card"}
    assert sent(staff, invoice, "payment", **fields).status_code == 303
    payment = Payment.objects.get()
    assert (payment.amount, payment.received_on) == (Decimal("100.50"), date(2026, 11, 30))
    assert "10.85" in staff.get(account(invoice)).content.decode()
    asked = {"payment": payment.public_id, "reason": "Returned."}
    assert sent(staff, invoice, "reverse", **asked).status_code == 303
    assert standing(invoice).state == State.OPEN


def test_what_was_paid_too_much_goes_back(staff, invoice):
    sent(staff, invoice, "payment", amount="200", received_on="2026-11-30", method="transfer")
    assert "88.65 were paid too much" in staff.get(account(invoice)).content.decode()
    sent(staff, invoice, "refund", amount="88.65", received_on="2026-12-01")
    assert standing(invoice).state == State.PAID


@pytest.mark.parametrize(
    ("what", "fields", "shown"),
    [
        ("payment", {"amount": "x", "received_on": "2026-11-30"}, "Give an amount, as in"),
        ("payment", {"amount": "1", "received_on": ""}, "Give a day, as in"),
        ("payment", {"amount": "1", "received_on": "2026-11-30", "method": "?"}, "Choose one"),
        ("refund", {"amount": "", "received_on": "2026-11-30"}, "Give an amount, as in"),
        ("lines", {"reason": "Because."}, "Say what is credited"),
        ("lines", {"reason": "Because.", "line-1": "1000"}, "up to the 38.57 of the line"),
        ("amount", {"reason": "Because.", "net": "0"}, "above nothing"),
        ("whole", {"reason": " "}, "Say why"),
    ],
)
def test_what_is_wrong_stands_at_its_field(staff, invoice, what, fields, shown):
    sent(staff, invoice, "payment", amount="200", received_on="2026-11-30", method="transfer")
    found = sent(staff, invoice, what, **fields)
    assert found.status_code == 422
    assert shown in found.content.decode()
    assert Payment.objects.count() == 1
    assert not credit_notes.notes_of(invoice)


@pytest.mark.parametrize(
    ("what", "fields", "net"),
    [
        ("whole", {"line-1": "10"}, "93.57"),
        ("lines", {"line-1": "10", "line-2": "", "line-3": "1,53"}, "11.53"),
        ("amount", {"net": "7.00"}, "7.00"),
    ],
)
def test_staff_writes_credit_notes(staff, invoice, what, fields, net):
    assert sent(staff, invoice, what, reason="Promised.", **fields).status_code == 303
    (note,) = credit_notes.notes_of(invoice)
    assert note.net == Decimal(net)
    assert note.number in staff.get(account(invoice)).content.decode()


def test_a_form_that_is_none(staff, invoice):
    assert sent(staff, invoice, "nothing").status_code == 404


def test_a_tenant_reads_what_is_left(client, invoice):
    reader = signed_in(client, make_member(invoice.organisation.projects.first(), Role.BILLING))
    listed = reader.get("/costs/invoices/").content.decode()
    assert "Overdue" in listed
    assert f'href="/orgs/{invoice.organisation.slug}/billing/"' in listed
    credit_notes.credit_amount(
        actor=SYSTEM, invoice=invoice, amount=Decimal("7.00"), reason="Promised."
    )
    record_payment(
        actor=SYSTEM, invoice=invoice, amount=Decimal(100), received_on=date(2026, 11, 30)
    )
    note = Invoice.objects.get(kind="381")
    page = reader.get(f"/costs/invoices/{invoice.number}/").content.decode()
    for part in ("Overdue", "Paid on 30 Nov 2026", f"Credit note {note.number}", "3.02"):
        assert part in page
    [head] = re.findall(r'<p class="sub">Left to pay: <span class="num">([^<]+)</span>', page)
    assert head == "€\u202f3.02"
    listed = reader.get("/costs/invoices/").content.decode()
    assert f"for {invoice.number}" in listed
    assert reader.get(f"/costs/invoices/{note.number}/").status_code == 200


def test_staff_sees_what_happens_next_and_suspends(client, invoice, monkeypatch):
    staff = signed_in(client, make_user(is_staff=True))
    text = staff.get(f"{LIST}reminders/").content.decode()
    for part in ("Reminder 1", "Today", "13 days late", "staff suspends"):
        assert part in text
    for day in (1, 8, 22, 29):
        monkeypatch.setattr(clock, "now", lambda d=day: MONTH_END + timedelta(days=d))
        dunning.run_due()
    asked = staff.post(f"{LIST}reminders/suspend/{invoice.organisation.slug}/")
    assert asked.status_code == 422
    monkeypatch.setattr(clock, "now", lambda: MONTH_END + timedelta(days=36))
    assert "Suspend<" in staff.get(f"{LIST}reminders/").content.decode()
    asked = staff.post(f"{LIST}reminders/suspend/{invoice.organisation.slug}/")
    assert asked.status_code == 303
    assert "The organisation is suspended" in staff.get(f"{LIST}reminders/").content.decode()
    assert "Warning of the suspension" in staff.get(account(invoice)).content.decode()


def test_a_tenant_is_told_of_the_suspension_on_the_invoice(client, invoice):
    make_step = dunning.Planned("warning", 1, date(2026, 12, 1), date(2026, 12, 30))
    with transaction.atomic():
        dunning.write(invoice, make_step, invoice.gross)
    reader = signed_in(client, make_member(invoice.organisation.projects.first(), Role.BILLING))
    page = reader.get(f"/costs/invoices/{invoice.number}/").content.decode()
    assert "suspended on 30 December 2026" in page
