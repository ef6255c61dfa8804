"""From a month's cost lines to the document that may become its invoice.

One line per price class, meter, price and tier, rounded once; what was free is not on it, nor what
is included at a price of 0. What was
bought is a line of its own, what is credited is taken off the whole, and what corrects a closed
month stands in a block of its own, with the period and the VAT rate of that month. Days are the
calendar month's, in UTC.

Source: shared design, billing 1.2 and 1.6.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta

from django.db.models import QuerySet, Sum
from django.db.models.functions import TruncMonth
from django.utils import translation
from django.utils.translation import gettext as _

from billing.costs.texts import charge_text
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
from billing.identity import provider
from billing.identity import queries as identities
from billing.identity import texts as identity_texts
from billing.identity.provider import Provider
from billing.metering.plantime import last_day, month_bounds
from billing.models import CostLine
from billing.models.costs import TO_PAY
from billing.pricebook.classes import class_label
from billing.pricebook.meters import base_units
from billing.pricebook.texts import metered_label
from billing.vat.decisions import Decision
from portal.kernel.errors import Conflict
from portal.kernel.formats import month as month_name
from portal.tenancy.models import Organisation

_PLACES = 9  # of a quantity
_DRAFT_NUMBER = "DRAFT"


def document_for(organisation: Organisation, month: date, on: date) -> Document:
    """What an invoice of `month` issued on the day `on` would say.

    Raises: Conflict when something keeps it from being issued: an address, a proof, the provider's
    own identity, or nothing to pay for.
    """
    if faults := identities.faults_to_issue(organisation, last_day(month)):
        reasons = " ".join(identity_texts.fault_text(code) for code in faults)
        raise Conflict(
            _("No invoice can be written to %(name)s. %(reasons)s")
            % {"name": organisation.name, "reasons": reasons},
        )
    decision, ours = vat_decision(organisation, month), provider.provider()
    vat = Vat(Category(decision.category), decision.percent)
    language = identities.language_for(organisation)
    with translation.override(language):
        lines = (
            *_used(organisation, month, vat),
            *_bought(organisation, month, vat),
            *_corrected(organisation, month),
        )
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
        language=language,
        buyer_reference=buyer["buyer_reference"],
        order_number=buyer["order_number"],
        terms=terms,
        exemption=exemption_words(Category(decision.category), language),
    )


def vat_decision(organisation: Organisation, month: date) -> Decision:
    """The VAT of what was used in a calendar month: at the rate of its last day, when the supply of
    that month is complete (Directive 2006/112/EC, Articles 64 and 93), whenever it is invoiced.
    """
    return identities.decision_for(organisation, last_day(month))


def _used(organisation: Organisation, month: date, vat: Vat) -> Iterator[Line]:
    rows = _of_month(organisation, month, CostLine.Category.USAGE).filter(is_correction=False)
    return _by_price(rows, month, vat)


def _corrected(organisation: Organisation, month: date) -> Iterator[Line]:
    """What this month bills of months before, the oldest first."""
    for earlier in corrected_months(organisation, month):
        yield from corrections_of(organisation, month, earlier)


def corrected_months(organisation: Organisation, month: date) -> list[date]:
    """The closed months that `month` corrects, the oldest first."""
    rows = _of_month(organisation, month, CostLine.Category.USAGE).filter(is_correction=True)
    found = rows.annotate(of=TruncMonth("corrects_day")).values_list("of", flat=True)
    return sorted(found.order_by().distinct())


def corrections_of(organisation: Organisation, month: date, earlier: date) -> list[Line]:
    """The block of one closed month, at the VAT rate of its days; downwards in negative
    quantities.
    """
    decision = vat_decision(organisation, earlier)
    vat = Vat(Category(decision.category), decision.percent)
    start, end = month_bounds(earlier)
    rows = _of_month(organisation, month, CostLine.Category.USAGE).filter(
        is_correction=True, corrects_day__gte=start.date(), corrects_day__lt=end.date()
    )
    title = _("Corrections for %(month)s") % {"month": month_name(earlier)}
    return list(_by_price(rows, earlier, vat, title))


def _by_price(rows: QuerySet[CostLine], month: date, vat: Vat, group: str = "") -> Iterator[Line]:
    """One line for each price and tier of usage of the calendar month `month`."""
    start, end = month_bounds(month)
    seconds = (end - start) // timedelta(seconds=1)
    parts = (
        "price_class",
        "meter",
        "price__public_id",
        "tier",
        "unit",
        "contracted_unit_price",
        "price__book",
    )
    listed = rows.filter(TO_PAY).values_list(*parts).annotate(Sum("quantity"))
    for price_class, meter, price, tier, unit, unit_price, book, quantity in listed.order_by(
        *parts
    ):
        written = INVOICE_UNITS[unit]
        amount = round(quantity / base_units(unit, seconds) * written.base, _PLACES)
        if amount:  # a correction may have moved usage from one day to another
            yield priced(
                _("%(what)s: %(meter)s")
                % {"what": class_label(price_class), "meter": metered_label(meter, book)},
                quantity=amount,
                unit=written.code,
                unit_price=unit_price,
                base_quantity=written.base,
                vat=vat,
                period=_period(month),
                sku=f"{price}-{tier}",
                group=group,
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
    return Period(month.replace(day=1), last_day(month))


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
