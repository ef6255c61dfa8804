"""The invoices of a month: drafts at once, issued when the grace for late usage is over.

Each organisation stands for itself: what keeps one invoice from being issued is told and holds up
no other. Starting again goes on where it stopped: what is issued is not issued again, and files
that are missing are made.

Source: shared design, billing 1.2 (close on day 1, issue on day 4).
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta

from django.utils.translation import gettext as _

from billing import invoicing, metering, rating
from billing.einvoice.pdf import facturx_pdf
from billing.einvoice.profiles import Profile, build, profiles_for
from billing.einvoice.stored import from_json
from billing.models import Invoice, InvoiceFile, RatedMonth
from billing.plantime import month_bounds
from portal.kernel import clock
from portal.kernel.actor import Actor
from portal.kernel.errors import Conflict, PortalError
from portal.tenancy.models import Organisation

logger = logging.getLogger(__name__)
GRACE = timedelta(hours=72)
PDF = "pdf"

Progress = Callable[[int, int], None]


@dataclass(slots=True)
class Run:
    """What a run did; `held_up` says which organisation has no invoice yet, and why."""

    drafted: int = 0
    issued: int = 0
    held_up: dict[str, str] = field(default_factory=dict)


def run(
    *, actor: Actor, month: date, issue: bool, progress: Progress = lambda done, of: None
) -> Run:
    """Drafts all invoices of a calendar month and, with `issue`, issues them.

    Raises: Conflict when the month is not over, or its grace is not.
    """
    end = month_bounds(month)[1]
    now = clock.now()
    if now < end:
        raise Conflict(
            _("%(month)s is not over.") % {"month": f"{month:%Y-%m}"},
        )
    if issue and now < end + GRACE:
        raise Conflict(
            _("Usage of %(month)s may arrive until %(until)s UTC.")
            % {"month": f"{month:%Y-%m}", "until": f"{end + GRACE:%F %H:%M}"},
            hint=_("Issue after that; drafts can be written at once."),
        )
    metering.meter(month)
    rating.rate(month)
    found = Run()
    rows = RatedMonth.objects.filter(month=month, lines__gt=0).order_by("organisation")
    organisations = list(
        Organisation.objects.filter(pk__in=rows.values("organisation")).order_by("pk")
    )
    for number, organisation in enumerate(organisations, 1):
        try:
            _one(actor, organisation, month, issue, found)
        except PortalError as error:
            found.held_up[organisation.slug] = error.text
            logger.warning(
                "invoice.held_up", extra={"organisation": organisation.slug, "code": error.code}
            )
        progress(number, len(organisations))
    return found


def _one(actor: Actor, organisation: Organisation, month: date, issue: bool, found: Run) -> None:
    invoice = Invoice.objects.filter(
        organisation=organisation, month=month, status=Invoice.Status.ISSUED, kind="380"
    ).first()
    if invoice is None:
        invoice = invoicing.draft(organisation, month)
        found.drafted += 1
        if not issue:
            return
        invoice = invoicing.issue(actor=actor, invoice=invoice)
        found.issued += 1
    write_files(invoice)


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
