"""Reads of invoices: what a member may see of those of an organisation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from billing.einvoice.document import Document
from billing.einvoice.profiles import Profile
from billing.einvoice.stored import from_json
from billing.invoices.formats import as_csv, as_html
from billing.invoices.invoicing import EVIDENCE
from billing.invoices.standing import with_sums
from billing.models import Invoice, InvoiceFile, Payment
from portal.kernel.actor import Actor
from portal.kernel.errors import NotFound
from portal.tenancy import access
from portal.tenancy.models import Organisation
from portal.tenancy.permissions import Permission

PDF = "pdf"
# In the order in which people look for them; what they are sent as, and how the name ends.
FORMATS = {
    PDF: ("application/pdf", ".pdf"),
    Profile.FACTUR_X.value: ("application/xml", "-factur-x.xml"),
    Profile.XRECHNUNG_CII.value: ("application/xml", "-xrechnung-cii.xml"),
    Profile.XRECHNUNG_UBL.value: ("application/xml", "-xrechnung-ubl.xml"),
    Profile.PEPPOL.value: ("application/xml", "-peppol.xml"),
}
# Made when asked for, of drafts, too.
HTML, CSV = "html", "csv"
MADE = {HTML: ("text/html; charset=utf-8", ".html"), CSV: ("text/csv; charset=utf-8", ".csv")}


@dataclass(frozen=True, slots=True)
class Rendered:
    """A document to send: what it is, what it is called, and its parts, which for `is_long` are not
    held together.
    """

    content_type: str
    filename: str
    parts: Iterator[bytes]
    is_long: bool


def invoices_for(actor: Actor, organisation: Organisation) -> QuerySet[Invoice]:
    """Drafts and issued ones, newest month first, with what `billing.invoices.standing` adds up.

    Raises: NotPermitted, NotFound.
    """
    access.require_in_organisation(actor, organisation, Permission.INVOICE_VIEW)
    rows = Invoice.objects.filter(organisation=organisation).defer("document")
    return with_sums(rows).select_related("corrects").order_by("-month", "-id")


def invoice_for(actor: Actor, name: str) -> Invoice:
    """By number, or by public id while it is a draft. Raises: NotFound, NotPermitted."""
    found = Invoice.objects.select_related("organisation")
    row = found.filter(number=name).first() or found.filter(public_id=name).first()
    if row is None:
        raise _nothing(name)
    try:
        access.require_in_organisation(actor, row.organisation, Permission.INVOICE_VIEW)
    except NotFound as error:
        raise _nothing(name) from error
    return row


def payments_of(invoice: Invoice) -> list[Payment]:
    """What counts: neither a payment that was reversed nor its reversal."""
    rows = invoice.payments.filter(reverses__isnull=True, reversed_by__isnull=True)
    return list(rows.order_by("received_on", "pk"))


def notes_of(invoice: Invoice) -> list[Invoice]:
    """Its credit notes, oldest first."""
    rows = invoice.corrections.filter(status=Invoice.Status.ISSUED)
    return list(rows.defer("document").order_by("pk"))


def document_of(invoice: Invoice) -> Document:
    return from_json(invoice.document)


def vat_evidence_of(invoice: Invoice) -> dict[str, Any] | None:
    """What its VAT rests on, as `billing.vat.decisions.Decision.evidence`; None for a credit note,
    which follows its invoice.
    """
    found: dict[str, Any] | None = invoice.document.get(EVIDENCE)
    return found


def formats_of(invoice: Invoice) -> list[str]:
    """The formats in which it is kept, none while it is a draft."""
    there = set(invoice.files.values_list("format", flat=True))
    return [name for name in FORMATS if name in there]


def rendered(invoice: Invoice, name: str) -> Rendered:
    """In a format of `FORMATS` or `MADE`. Raises: NotFound for one in which it is not kept."""
    kind, ending = {**FORMATS, **MADE}.get(name, ("", ""))
    if name == CSV:
        parts: Iterator[bytes] = (part.encode() for part in as_csv(invoice))
    elif name == HTML:
        parts = iter([as_html(invoice).encode()])
    else:
        parts = iter([bytes(file_of(invoice, name).content)])
    return Rendered(kind, f"{invoice}{ending}", parts, is_long=name == CSV)


def file_of(invoice: Invoice, name: str) -> InvoiceFile:
    """Raises: NotFound for a format in which it is not kept."""
    found = invoice.files.filter(format=name).first()
    if found is None:
        raise NotFound(
            _("%(number)s is not kept as “%(format)s”.") % {"number": invoice, "format": name},
            hint=_("Its page lists the formats there are."),
        )
    return found


def _nothing(name: str) -> NotFound:
    return NotFound(
        _("There is no invoice “%(name)s”.") % {"name": name}, hint=_("See the list of invoices.")
    )
