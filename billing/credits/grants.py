"""Credit of an organisation: what it was given, and what is left of it.

A balance is always what was given less the cost lines that name it, and no counter can go wrong.
How drafts take from it is in `billing.invoices.credit`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db.models import Q

from billing.models import CostLine, CreditGrant
from portal.audit.actions import record
from portal.kernel import clock, ids
from portal.kernel.actor import Actor
from portal.tenancy import access
from portal.tenancy.models import Organisation
from portal.tenancy.permissions import Permission

_VOUCHER, _CARRIED = "voucher", "carried"
_NOTHING = Decimal(0)


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
    return balances_of(organisation, CreditGrant.objects.filter(organisation=organisation))


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


def balances_of(organisation: Organisation, grants: Iterable[CreditGrant]) -> list[Balance]:
    """Of some of its grants, what expires first at the head."""
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


def reference_of(grant: CreditGrant, month: date) -> str:
    """Of the cost line with which the draft of `month` takes from a grant."""
    kind = _CARRIED if grant.carries else _VOUCHER
    return f"{kind}:{grant.public_id}:{month:%Y-%m}"
