"""How drafts take from the credit of an organisation.

A draft takes what it can, from the credit that expires first, as cost lines `credit`: never beyond
the net of what the month itself bills at its VAT rate, so that what is too much for one invoice is
left for the next. Written anew, it gives back first, and so does a month that closes without an
invoice; with the issue the month is closed and what was taken stays taken.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import ROUND_DOWN, Decimal

from django.db import transaction
from django.db.models import Sum

from billing.costs import sla_postings
from billing.costs.posting import Category, Posting, post, withdraw
from billing.credits.grants import balances_of, reference_of
from billing.einvoice.document import Category as VatCategory
from billing.einvoice.document import Document, Vat
from billing.invoices.drafting import document_for, vat_decision
from billing.metering.plantime import last_day, month_bounds
from billing.models import CostLine, CreditGrant
from portal.tenancy.models import Organisation

_NOTHING = Decimal(0)
_CENT = Decimal("0.01")


@transaction.atomic
def draft_with_credit(organisation: Organisation, month: date, on: date) -> Document:
    """What an invoice of `month` issued on the day `on` would say, less the credit that there is.
    Credits for broken promises that it has no room for move on to the next one.

    Raises: Conflict as `document_for`; then nothing was taken or given back.
    """
    locked = give_back(organisation, month)
    document = document_for(organisation, month, on)
    left = _net_of(organisation, document)
    if left < 0 and sla_postings.move_on(organisation, month, -left):
        document = document_for(organisation, month, on)
    usable = [g for g in locked if not g.expires_on or g.expires_on >= month.replace(day=1)]
    if usable and _take(organisation, month, document, usable):
        return document_for(organisation, month, on)
    return document


@transaction.atomic
def give_back(organisation: Organisation, month: date) -> list[CreditGrant]:
    """Takes back what the draft of `month` took. Returns all grants, held until the transaction
    ends. Raises: Conflict when the month is closed and took some.
    """
    grants = CreditGrant.objects.select_for_update().filter(organisation=organisation)
    locked = list(grants.order_by("pk"))
    for grant in locked:
        withdraw(reference_of(grant, month))
    return locked


def _take(
    organisation: Organisation,
    month: date,
    document: Document,
    grants: Iterable[CreditGrant],
) -> bool:
    """Posts what is taken; whether anything was."""
    left, by_offering = _net_of(organisation, document), dict[str, Decimal]()
    found = False
    for balance in balances_of(organisation, grants):
        grant = balance.grant
        most = left
        if grant.offering:
            spent = by_offering.get(grant.offering, _NOTHING)
            most = min(left, _spent_on(organisation, month, grant.offering) - spent)
        amount = min(balance.left, most)
        if amount <= 0:
            continue
        post(
            Posting(
                organisation=organisation,
                day=last_day(month),
                category=Category.CREDIT,
                amount=-amount,
                reference=reference_of(grant, month),
                about={"month": f"{grant.carries:%Y-%m}"} if grant.carries else {},
                offering=grant.offering,
                currency=grant.currency,
            )
        )
        left -= amount
        by_offering[grant.offering] = by_offering.get(grant.offering, _NOTHING) + amount
        found = True
    return found


def _net_of(organisation: Organisation, document: Document) -> Decimal:
    """What is to be paid at the VAT rate of the month itself, in whole cents: allowances come off
    that, and corrections of other months may have another rate.
    """
    decision = vat_decision(organisation, document.period.start)
    vat = Vat(VatCategory(decision.category), decision.percent)
    lines = sum((line.net for line in document.lines if line.vat == vat), _NOTHING)
    return lines - sum((a.amount for a in document.allowances if a.vat == vat), _NOTHING)


def _spent_on(organisation: Organisation, month: date, offering: str) -> Decimal:
    """What an offering costs in the month, in whole cents."""
    start, end = month_bounds(month)
    rows = CostLine.objects.filter(
        organisation=organisation,
        day__gte=start.date(),
        day__lt=end.date(),
        offering=offering,
        category__in=[CostLine.Category.USAGE, CostLine.Category.PURCHASE],
        is_correction=False,
    )
    found = rows.aggregate(Sum("billed_cost"))["billed_cost__sum"] or _NOTHING
    return Decimal(found).quantize(_CENT, ROUND_DOWN)
