"""From a month's cost lines to the document that may become its invoice.

One line per price class, meter, price and tier, rounded once; what was free is not on it. What was
bought is a line of its own, what is credited is taken off the whole. Days are the calendar month's,
in UTC.

Source: shared design, billing 1.2 and 1.6.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta

from django.conf import settings
from django.db.models import QuerySet, Sum
from django.utils import translation
from django.utils.translation import gettext as _

from billing import provider
from billing.charge_texts import charge_text
from billing.classes import class_label
from billing.einvoice.document import (
    MAIL_SCHEME,
    ONE,
    Address,
    Allowance,
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
    rounded,
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
    vat = Vat(Category(decision.category), decision.percent)
    with translation.override(settings.LANGUAGE_CODE):
        lines = (*_used(organisation, month, vat), *_bought(organisation, month, vat))
        allowances = tuple(_credited(organisation, month, vat))
        terms = _("Payable within %(days)s days of issue.") % {"days": ours.payment_days}
    if not lines:
        raise Conflict(
            _("%(name)s has nothing to pay for in %(month)s.")
            % {"name": organisation.name, "month": f"{month:%Y-%m}"},
        )
    row = identities.identity_of(organisation)
    assert row is not None  # noqa: S101  # else there were faults
    buyer = identities.snapshot_of(row)
    proved = row.vat_id_state in (row.VatIdState.CONFIRMED, row.VatIdState.APPROVED)
    return Document(
        kind=Kind.INVOICE,
        number=_DRAFT_NUMBER,
        issued_on=on,
        due_on=on + timedelta(days=ours.payment_days),
        period=_period(month),
        seller=_seller(ours),
        buyer=_buyer(buyer, with_vat_id=proved),
        lines=lines,
        allowances=allowances,
        payment=Transfer(ours.iban, ours.bic),
        place=decision.country,
        language=settings.LANGUAGE_CODE,
        buyer_reference=buyer["buyer_reference"],
        order_number=buyer["order_number"],
        terms=terms,
        exemption=exemption_words(Category(decision.category), settings.LANGUAGE_CODE),
    )


def _used(organisation: Organisation, month: date, vat: Vat) -> Iterator[Line]:
    start, end = month_bounds(month)
    seconds = (end - start) // timedelta(seconds=1)
    rows = _of_month(organisation, month, CostLine.Category.USAGE).filter(tier__gt=0)
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
            period=_period(month),
            sku=f"{price}-{tier}",
        )


def _bought(organisation: Organisation, month: date, vat: Vat) -> Iterator[Line]:
    for line in _of_month(organisation, month, CostLine.Category.PURCHASE).order_by("reference"):
        yield priced(
            charge_text(line.reference, line.about or {}),
            quantity=ONE,
            unit=INVOICE_UNITS["one"].code,
            unit_price=line.billed_cost,
            vat=vat,
            period=_period(month),
            sku=line.reference,
        )


def _credited(organisation: Organisation, month: date, vat: Vat) -> Iterator[Allowance]:
    for line in _of_month(organisation, month, CostLine.Category.CREDIT).order_by("reference"):
        text = charge_text(line.reference, line.about or {})
        yield Allowance(rounded(-line.billed_cost), text, vat)


def _of_month(
    organisation: Organisation, month: date, category: CostLine.Category
) -> QuerySet[CostLine]:
    start, end = month_bounds(month)
    return CostLine.objects.filter(
        organisation=organisation, day__gte=start.date(), day__lt=end.date(), category=category
    )


def _period(month: date) -> Period:
    start, end = month_bounds(month)
    return Period(start.date(), end.date() - timedelta(days=1))


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
