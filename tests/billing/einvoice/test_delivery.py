"""Issued documents by mail: once, with the file as it was issued, to the address for invoices."""

from datetime import UTC, datetime

import pytest

from billing.invoices import delivery, files, invoicing
from billing.invoices.files import PDF
from billing.models import InvoiceFile, InvoiceMail
from portal.accounts import mail
from portal.kernel import clock
from portal.kernel.actor import SYSTEM
from portal.kernel.errors import Unavailable
from portal.outbox.models import OutboxEntry
from tests.billing.einvoice.test_drafting import BUYER, MONTH, a_provider, known, organisation

__all__ = ["a_provider", "organisation"]  # fixtures
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("prices", "fake", "a_provider")]
CONTENT = b"%PDF-1.7 as it was issued"


@pytest.fixture
def issued(organisation, monkeypatch):
    """Sealed, and its file as good as written: what is in it does not matter here."""
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 11, 4, 1, tzinfo=UTC))
    made = invoicing.seal(actor=SYSTEM, invoice=invoicing.draft(known(organisation), MONTH))
    InvoiceFile.objects.create(invoice=made, format=PDF, content=CONTENT, digest="0" * 64)
    return made


def test_the_address_for_invoices_gets_it_once(issued, mailoutbox):
    assert (delivery.send_waiting(), delivery.send_waiting()) == (1, 0)
    (sent,) = mailoutbox
    assert sent.to == [BUYER["invoice_email"]]
    assert sent.subject.startswith(f"Invoice {issued.number} · ")
    assert sent.attachments == [(f"{issued.number}.pdf", CONTENT, "application/pdf")]
    assert sent.extra_headers["Message-ID"].startswith(f"<{issued.public_id}@")
    assert "€\u202f151.78" in sent.body
    assert InvoiceMail.objects.get().address == BUYER["invoice_email"]


def test_the_mail_speaks_the_language_of_the_invoice(organisation, mailoutbox):
    told = known(organisation, language="fr")
    made = invoicing.seal(actor=SYSTEM, invoice=invoicing.draft(told, MONTH))
    InvoiceFile.objects.create(invoice=made, format=PDF, content=CONTENT, digest="0" * 64)
    known(organisation, language="de")
    delivery.send_waiting()
    (sent,) = mailoutbox
    assert sent.subject.startswith(f"Facture {made.number} · ")
    assert "151,78\u00a0€" in sent.body


def test_nothing_is_sent_before_its_file_is_written(organisation, mailoutbox):
    invoicing.seal(actor=SYSTEM, invoice=invoicing.draft(known(organisation), MONTH))
    assert delivery.send_waiting() == 0
    assert mailoutbox == []


def test_files_that_a_killed_worker_left_out_are_written(organisation, monkeypatch):
    """Of any document: no run comes back to a credit note."""
    made = invoicing.seal(actor=SYSTEM, invoice=invoicing.draft(known(organisation), MONTH))
    assert files.write_missing() == 0  # whoever issued it may be at it
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 11, 4, 1, tzinfo=UTC))
    assert (files.write_missing(), files.write_missing()) == (1, 0)
    assert PDF in made.files.values_list("format", flat=True)
    assert delivery.send_waiting() == 1


def test_files_that_cannot_be_written_hold_up_no_other(organisation, monkeypatch):
    invoicing.seal(actor=SYSTEM, invoice=invoicing.draft(known(organisation), MONTH))
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 11, 4, 1, tzinfo=UTC))
    with monkeypatch.context() as patch:
        patch.setattr(files, "facturx_pdf", None)
        assert files.write_missing() == 0
    assert files.write_missing() == 1


def test_what_the_mail_server_refuses_waits(issued, mailoutbox, monkeypatch):
    def refuse(*_args, **_kwargs):
        raise Unavailable("away")

    with monkeypatch.context() as patch:
        patch.setattr(mail, "send", refuse)
        assert delivery.send_waiting() == 0
    assert not InvoiceMail.objects.exists()
    assert delivery.send_waiting() == 1


def test_members_hear_of_it_by_the_bell(issued):
    entry = OutboxEntry.objects.get(kind=delivery.ISSUED)
    assert entry.target == issued.number
    assert entry.organisation_id == issued.organisation_id
