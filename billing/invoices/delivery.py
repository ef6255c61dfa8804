"""Issued documents by mail: the PDF, with the e-invoice in it, to the address for invoices. Members
are told by the bell, as of anything else.

A mail can be sent and the worker killed before it is written down; it is then sent again with the
same Message-ID.
"""

from __future__ import annotations

import logging
from typing import Any

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from billing.einvoice.document import Document
from billing.einvoice.stored import from_json
from billing.formats import money
from billing.identity.queries import identity_of
from billing.invoices.files import PDF
from billing.models import Invoice, InvoiceMail
from portal.accounts import mail
from portal.kernel import clock
from portal.kernel.errors import Unavailable
from portal.kernel.formats import day
from portal.kernel.money import Money
from portal.notifications import kinds
from portal.notifications.kinds import Kind, sentence
from portal.outbox.actions import notify
from portal.tenancy.permissions import Permission

logger = logging.getLogger(__name__)
ISSUED = "invoice.issued"
_AT_ONCE = 200


def tell(invoice: Invoice) -> None:
    """Call it in the transaction that issues."""
    notify(
        ISSUED,
        organisation_id=invoice.organisation_id,
        target=str(invoice.number),
        params={"number": str(invoice.number)},
    )


def send_waiting() -> int:
    """Mails what is issued and has its files; what the mail server does not take waits. Returns how
    many were sent.
    """
    rows = Invoice.objects.filter(
        status=Invoice.Status.ISSUED, mail__isnull=True, files__format=PDF
    ).order_by("pk")
    return sum(_send(key) for key in rows.values_list("pk", flat=True)[:_AT_ONCE])


@transaction.atomic
def _send(key: int) -> bool:
    rows = Invoice.objects.select_for_update(skip_locked=True, of=("self",))
    invoice = rows.select_related("organisation").filter(pk=key).first()
    # Asked under the lock, by a statement of its own: it sees what another worker just wrote.
    if invoice is None or InvoiceMail.objects.filter(invoice=invoice).exists():
        return False
    identity = identity_of(invoice.organisation)
    address = identity.invoice_email if identity else ""
    try:
        if address:
            _mail(invoice, address)
    except Unavailable:
        logger.warning("invoice.mail_waits", extra={"invoice": invoice.number})
        return False
    InvoiceMail.objects.create(invoice=invoice, address=address, at=clock.now())
    return bool(address)


def _mail(invoice: Invoice, address: str) -> None:
    document = from_json(invoice.document)
    domain = settings.POLDER_URL.rpartition("/")[2].partition(":")[0]
    headers = {"Message-ID": f"<{invoice.public_id}@{domain}>", "Auto-Submitted": "auto-generated"}
    content = bytes(invoice.files.get(format=PDF).content)
    mail.send(
        "invoice",
        address,
        _context(invoice, document),
        document.language,
        headers=headers,
        files=[(f"{invoice.number}.pdf", content, "application/pdf")],
    )


def _context(invoice: Invoice, document: Document) -> dict[str, Any]:
    with translation.override(document.language):
        return {
            "title": _title(invoice, document),
            "buyer": document.buyer.name,
            "gross": money(Money(invoice.gross, invoice.currency)),
            "due_on": day(document.due_on) if document.due_on else "",
            "url": settings.POLDER_URL + reverse("console:invoice", args=[invoice.number]),
        }


def _title(invoice: Invoice, document: Document) -> str:
    if document.corrects is None:
        return _("Invoice %(number)s") % {"number": invoice.number}
    said = {"number": invoice.number, "corrects": document.corrects.number}
    return _("Credit note %(number)s for %(corrects)s") % said


def register() -> None:
    """At start."""
    kinds.register(
        Kind(
            ISSUED,
            sentence(gettext_noop("%(number)s is issued")),
            lambda _params: _("The address for invoices has it by mail."),
            group=gettext_noop("Money"),
            label=gettext_noop("An invoice or a credit note is issued"),
            icon="receipt-euro",
            url_name="console:invoice",
            sees=Permission.INVOICE_VIEW,
            everyone=Permission.INVOICE_VIEW,
        )
    )
