"""The files of an issued document: written once, kept as they are."""

from __future__ import annotations

import hashlib

from billing.einvoice.pdf import facturx_pdf
from billing.einvoice.profiles import Profile, build, profiles_for
from billing.einvoice.stored import from_json
from billing.models import Invoice, InvoiceFile

PDF = "pdf"


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
