"""From a draft to an issued document: its number, and its place in the chain.

Numbers of a series have no gap: one guarded UPDATE gives the number in the transaction that issues,
so a transaction that fails gives it back, and writers stand in line. The hash of a document covers
the hash before it, its number, and all that it says.

Source: shared design, billing 1.6.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db import connection, transaction
from django.utils.translation import gettext as _

from billing.costs.closing import close_month
from billing.einvoice.document import Document, Kind
from billing.einvoice.judging import judge
from billing.einvoice.stored import from_json, to_json
from billing.einvoice.totals import totals
from billing.invoices.credit import draft_with_credit
from billing.invoices.delivery import tell
from billing.invoices.drafting import vat_decision
from billing.models import Invoice, InvoiceSeries
from portal.audit.actions import record
from portal.kernel import clock, ids
from portal.kernel.actor import Actor
from portal.kernel.errors import Conflict
from portal.tenancy.models import Organisation

logger = logging.getLogger(__name__)

EVIDENCE = "vat_evidence"  # beside what a document says; sealed with it

_TAKE_NUMBER = """
update billing_invoiceseries set next = next + 1 where code = %s
returning id, next - 1, last_hash"""


@dataclass(frozen=True, slots=True)
class Break:
    """A document of a series that is not what it was, or not where it must be."""

    series: str
    sequence: int
    what: str


@transaction.atomic
def draft(organisation: Organisation, month: date) -> Invoice:
    """The draft of a month as it would be issued now, written anew until it is issued, with what
    its VAT rests on.

    Raises: Conflict as `billing.invoices.credit.draft_with_credit`, and when the month is issued
    already.
    """
    today = clock.now().date()
    found = (
        Invoice.objects.select_for_update()
        .filter(organisation=organisation, month=month, kind=Kind.INVOICE)
        .first()
    )
    if found is not None and found.status == Invoice.Status.ISSUED:
        raise _issued(found)
    document = draft_with_credit(organisation, month, today)
    sums = totals(document)
    made = found or Invoice(
        public_id=ids.public_id("in"), organisation=organisation, month=month, kind=Kind.INVOICE
    )
    made.net, made.vat, made.gross = sums.net, sums.vat, sums.gross
    made.currency = document.currency
    made.document = {**to_json(document), EVIDENCE: vat_decision(organisation, month).evidence}
    made.due_on = document.due_on
    made.drafted_at = clock.now()
    made.save()
    return made


def issue(*, actor: Actor, invoice: Invoice) -> Invoice:
    """Has a draft judged and, when nothing is fatal, sealed. Its number does not matter to the
    rules, so nobody waits for a number meanwhile.

    Raises: Conflict with what was found, or when it is issued already.
    """
    judged(from_json(invoice.document), invoice.public_id)
    with transaction.atomic():
        sealed = seal(actor=actor, invoice=invoice)
        close_month(sealed, from_json(sealed.document))
    return sealed


def judged(document: Document, name: str = "") -> None:
    """Raises: Conflict with all that keeps a document from being issued."""
    verdict = judge(document)
    if not verdict.may_be_issued:
        logger.error("invoice.not_valid", extra={"invoice": name})
        raise Conflict(
            _("This draft cannot be issued: %(found)s")
            % {"found": " ".join(sorted({finding.text for finding in verdict.fatal}))},
            hint=_(
                "Nothing was issued and no number was taken. Mend what is named, draft it anew."
            ),
        )


@transaction.atomic
def seal(*, actor: Actor, invoice: Invoice) -> Invoice:
    """Gives a draft its number and makes it unchangeable. Whoever calls has had it judged.

    Raises: Conflict when it is issued already.
    """
    found = Invoice.objects.select_for_update().get(pk=invoice.pk)
    if found.status == Invoice.Status.ISSUED:
        raise _issued(found)
    now = clock.now()
    code = f"{now:%Y}"
    InvoiceSeries.objects.get_or_create(code=code)
    with connection.cursor() as cursor:
        cursor.execute(_TAKE_NUMBER, [code])
        series, sequence, previous = cursor.fetchone()
    found.series_id, found.sequence, found.previous_hash = series, sequence, previous
    found.number = f"{code}-{sequence:06d}"
    found.document = {**found.document, "number": found.number}
    found.hash = digest(previous, found.number, found.document)
    found.status, found.issued_at = Invoice.Status.ISSUED, now
    found.save()
    InvoiceSeries.objects.filter(pk=series).update(last_hash=found.hash)
    record(
        actor,
        "invoice.issue",
        "invoice",
        found.number,
        chain=found.organisation.slug,
        after={"gross": f"{found.gross:f}", "currency": found.currency, "hash": found.hash},
    )
    tell(found)
    return found


def _issued(invoice: Invoice) -> Conflict:
    return Conflict(
        _("%(number)s is issued already.") % {"number": invoice.number},
        hint=_("Nothing has to be done."),
    )


def digest(previous: str, number: str, document: dict[str, Any]) -> str:
    """SHA-256 of the hash before, the number, and the document as canonical JSON."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(f"{previous}\n{number}\n{text}".encode()).hexdigest()


def verify() -> list[Break]:
    """Every break in every series; empty when all is as it was issued."""
    found = [one for series in InvoiceSeries.objects.order_by("code") for one in _breaks(series)]
    for one in found:
        logger.error(
            "invoices.chain_broken", extra={"series": one.series, "sequence": one.sequence}
        )
    return found


def _breaks(series: InvoiceSeries) -> Iterator[Break]:
    expected, previous = 1, ""
    rows = Invoice.objects.filter(series=series).order_by("sequence")
    for invoice in rows.iterator(chunk_size=500):
        sequence = invoice.sequence or 0
        if sequence != expected:
            yield Break(series.code, sequence, f"{expected} is missing")
        if invoice.previous_hash != previous:
            yield Break(series.code, sequence, "it does not follow the one before")
        if digest(invoice.previous_hash, invoice.number or "", invoice.document) != invoice.hash:
            yield Break(series.code, sequence, "it is not what was issued")
        expected, previous = sequence + 1, invoice.hash
    if series.next != expected or series.last_hash != previous:
        yield Break(series.code, series.next, "documents are missing at the end")
