"""The files of an issued document: written once, kept as they are."""

from __future__ import annotations

import hashlib
import logging
from datetime import timedelta

from billing.einvoice.pdf import facturx_pdf
from billing.einvoice.profiles import Profile, build, profiles_for
from billing.einvoice.stored import from_json
from billing.models import Invoice, InvoiceFile
from portal.kernel import clock

logger = logging.getLogger(__name__)
PDF = "pdf"
_LEFT_ALONE = timedelta(hours=1)  # whoever issues writes them in this time
_AT_ONCE = 100


def write_files(invoice: Invoice) -> None:
    """The PDF and the XML of each profile that suits the buyer; what is there stays."""
    document = from_json(invoice.document)
    there = set(invoice.files.values_list("format", flat=True))
    wanted = [profile for profile in profiles_for(document) if profile.value not in there]
    made = [(profile.value, build(document, profile)) for profile in wanted]
    if PDF not in there:
        made.append((PDF, facturx_pdf(document, build(document, Profile.FACTUR_X))))
    InvoiceFile.objects.bulk_create(
        InvoiceFile(
            invoice=invoice,
            format=name,
            content=content,
            digest=hashlib.sha256(content).hexdigest(),
        )
        for name, content in made
    )


def write_missing() -> int:
    """Those of documents, credit notes too, that were issued by a worker that was killed before it
    wrote them. One that fails holds up no other. Returns of how many documents.
    """
    rows = Invoice.objects.filter(
        status=Invoice.Status.ISSUED, issued_at__lt=clock.now() - _LEFT_ALONE
    ).exclude(files__format=PDF)
    written = 0
    for invoice in rows.order_by("pk")[:_AT_ONCE]:
        try:
            write_files(invoice)
        except Exception:  # whatever it is, the next round tries again
            logger.exception("invoice.no_files", extra={"invoice": invoice.number})
        else:
            written += 1
    return written
