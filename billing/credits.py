"""Credit of an organisation: what is left of it, and how drafts take from it.

A draft takes what it can, from the credit that expires first, as cost lines `credit`: never beyond
the net of what the month itself bills at its VAT rate, so that what is too much for one invoice is
left for the next. Written anew, it gives back first, and so does a month that closes without an
invoice; with the issue the month is closed and what was taken stays taken. So a balance is always
what was given less the cost lines that name it, and no counter can go wrong.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_DOWN, Decimal

from django.db import transaction
from django.db.models import Q, Sum

from billing import sla_postings
from billing.drafting import document_for, vat_decision
from billing.einvoice.document import Category as VatCategory
from billing.einvoice.document import Document, Vat
from billing.models import CostLine, CreditGrant
from billing.plantime import last_day, month_bounds
from billing.posting import Category, Posting, post, withdraw
from portal.audit.actions import record
from portal.kernel import clock, ids
from portal.kernel.actor import Actor
from portal.tenancy import access
from portal.tenancy.models import Organisation
from portal.tenancy.permissions import Permission

_VOUCHER, _CARRIED = "voucher", "carried"
_NOTHING = Decimal(0)
_CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Balance:
    """A grant, what was taken of it by month, and what is left; whole cents."""

    grant: CreditGrant
    taken: dict[str, Decimal]
    left: Decimal
    expired: bool


def balances_for(actor: Actor, organisation: Organisation) -> list[Balance]:
    """All that was ever given, what expires first at the head. Raises: NotPermitted."""
    access.require_in_organisation(actor, organisation, Permission.COST_VIEW)
    return _balances(organisation, CreditGrant.objects.filter(organisation=organisation))


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
        withdraw(_reference(grant, month))
    return locked


def carry(
    *, actor: Actor, organisation: Organisation, month: date, amount: Decimal, currency: str
) -> CreditGrant:
    """Credit for what corrections of the closed `month` give back and no invoice has room for; the
    next invoices take from it until it is used up. Call it in the transaction that books it.
    """
    made = CreditGrant.objects.create(
        public_id=ids.public_id("cg"),
        organisation=organisation,
        carries=month,
        amount=amount,
        currency=currency,
        created_at=clock.now(),
    )
    record(
        actor,
        "credit.carry",
        "credit",
        made.public_id,
        chain=organisation.slug,
        after={"month": f"{month:%Y-%m}", "amount": f"{amount:f}"},
    )
    return made


def _take(
    organisation: Organisation,
    month: date,
    document: Document,
    grants: Iterable[CreditGrant],
) -> bool:
    """Posts what is taken; whether anything was."""
    left, by_offering = _net_of(organisation, document), dict[str, Decimal]()
    found = False
    for balance in _balances(organisation, grants):
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
                reference=_reference(grant, month),
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


def _balances(organisation: Organisation, grants: Iterable[CreditGrant]) -> list[Balance]:
    rows = CostLine.objects.filter(
        organisation=organisation,
        category=CostLine.Category.CREDIT,
    ).filter(Q(reference__startswith=f"{_VOUCHER}:") | Q(reference__startswith=f"{_CARRIED}:"))
    taken: dict[str, dict[str, Decimal]] = {}
    for reference, amount in rows.values_list("reference", "billed_cost"):
        _kind, grant_id, month = reference.split(":")
        taken.setdefault(grant_id, {})[month] = -amount
    today = clock.now().date()
    found = []
    for grant in grants:
        months = dict(sorted(taken.get(grant.public_id, {}).items()))
        left = grant.amount - sum(months.values(), _NOTHING)
        expired = grant.expires_on is not None and grant.expires_on < today
        found.append(Balance(grant, months, left, expired))
    return sorted(found, key=lambda one: (one.grant.expires_on or date.max, one.grant.pk))


def _reference(grant: CreditGrant, month: date) -> str:
    kind = _CARRIED if grant.carries else _VOUCHER
    return f"{kind}:{grant.public_id}:{month:%Y-%m}"
