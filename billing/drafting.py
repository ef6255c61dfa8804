"""From a month's cost lines to the document that may become its invoice.

One line per price class, meter, price and tier, rounded once; what was free is not on it. Days are
the calendar month's, in UTC.

Source: shared design, billing 1.2 and 1.6.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta

from django.conf import settings
from django.db.models import Sum
from django.utils import translation
from django.utils.translation import gettext as _

from billing import provider
from billing.classes import class_label
from billing.einvoice.document import (
    MAIL_SCHEME,
    Address,
    Category,
    Contact,
    Document,
    Endpoint,
    Kind,
    Line,
    Party,
    Period,
    Transfer,
    Vat,
    priced,
)
from billing.einvoice.pages import exemption_words
from billing.einvoice.units import INVOICE_UNITS
from billing.identity import queries as identities
from billing.identity import texts as identity_texts
from billing.meters import base_units
from billing.models import CostLine
from billing.plantime import month_bounds
from billing.provider import Provider
from billing.texts import meter_label
from billing.vat import Decision
from portal.kernel.errors import Conflict
from portal.tenancy.models import Organisation

_PLACES = 9  # of a quantity
_DRAFT_NUMBER = "DRAFT"


def document_for(organisation: Organisation, month: date, on: date) -> Document:
    """What an invoice of `month` issued on the day `on` would say.

    Raises: Conflict when something keeps it from being issued: an address, a proof, the provider's
    own identity, or nothing to pay for.
    """
    if faults := identities.faults_to_issue(organisation, on):
        reasons = " ".join(identity_texts.fault_text(code) for code in faults)
        raise Conflict(
            _("No invoice can be written to %(name)s. %(reasons)s")
            % {"name": organisation.name, "reasons": reasons},
        )
    decision, ours = identities.decision_for(organisation, on), provider.provider()
    with translation.override(settings.LANGUAGE_CODE):
        lines = tuple(_lines(organisation, month, decision))
        terms = _("Payable within %(days)s days of issue.") % {"days": ours.payment_days}
    if not lines:
        raise Conflict(
            _("%(name)s has nothing to pay for in %(month)s.")
            % {"name": organisation.name, "month": f"{month:%Y-%m}"},
        )
    start, end = month_bounds(month)
    row = identities.identity_of(organisation)
    assert row is not None  # noqa: S101  # else there were faults
    buyer = identities.snapshot_of(row)
    proved = row.vat_id_state in (row.VatIdState.CONFIRMED, row.VatIdState.APPROVED)
    return Document(
        kind=Kind.INVOICE,
        number=_DRAFT_NUMBER,
        issued_on=on,
        due_on=on + timedelta(days=ours.payment_days),
        period=Period(start.date(), end.date() - timedelta(days=1)),
        seller=_seller(ours),
        buyer=_buyer(buyer, with_vat_id=proved),
        lines=lines,
        payment=Transfer(ours.iban, ours.bic),
        place=decision.country,
        language=settings.LANGUAGE_CODE,
        buyer_reference=buyer["buyer_reference"],
        order_number=buyer["order_number"],
        terms=terms,
        exemption=exemption_words(Category(decision.category), settings.LANGUAGE_CODE),
    )


def _lines(organisation: Organisation, month: date, decision: Decision) -> Iterator[Line]:
    start, end = month_bounds(month)
    seconds = (end - start) // timedelta(seconds=1)
    vat = Vat(Category(decision.category), decision.percent)
    period = Period(start.date(), end.date() - timedelta(days=1))
    rows = CostLine.objects.filter(
        organisation=organisation, day__gte=start.date(), day__lt=end.date(), tier__gt=0
    )
    parts = ("price_class", "meter", "price__public_id", "tier", "unit", "contracted_unit_price")
    listed = rows.values_list(*parts).annotate(Sum("quantity")).order_by(*parts)
    for price_class, meter, price, tier, unit, unit_price, quantity in listed:
        written = INVOICE_UNITS[unit]
        amount = quantity / base_units(unit, seconds) * written.base
        yield priced(
            f"{class_label(price_class)}: {meter_label(meter)}",
            quantity=round(amount, _PLACES),
            unit=written.code,
            unit_price=unit_price,
            base_quantity=written.base,
            vat=vat,
            period=period,
            sku=f"{price}-{tier}",
        )


def _seller(ours: Provider) -> Party:
    return Party(
        ours.legal_name,
        Address(ours.street, ours.postcode, ours.city, ours.country),
        _endpoint(ours.electronic_scheme, ours.electronic_address, ours.contact_email),
        vat_id=ours.vat_id,
        registration=ours.registration,
        contact=Contact(ours.contact_name, ours.contact_phone, ours.contact_email),
    )


def _buyer(said: Mapping[str, str], *, with_vat_id: bool) -> Party:
    return Party(
        said["legal_name"],
        Address(said["street"], said["postcode"], said["city"], said["country"]),
        _endpoint(said["electronic_scheme"], said["electronic_address"], said["invoice_email"]),
        vat_id=said["vat_id"] if with_vat_id else "",
        registration=said["registration_number"],
    )


def _endpoint(scheme: str, address: str, mail: str) -> Endpoint:
    return Endpoint(scheme, address) if scheme and address else Endpoint(MAIL_SCHEME, mail)
