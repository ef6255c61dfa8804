"""What an organisation has to its credit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from billing.credits import grants as credits
from billing.free_tier import allowances as free_tier
from billing.pricebook.texts import measured
from portal.kernel.actor import Actor
from portal.kernel.formats import month as month_name
from portal.tenancy import access
from portal.tenancy.permissions import Permission
from services import registry

if TYPE_CHECKING:
    from billing.credits.grants import Balance
    from portal.tenancy.models import Organisation


@dataclass(frozen=True, slots=True)
class Row:
    """One grant as the page lists it."""

    balance: Balance
    scope: str
    state: str
    tone: str
    taken: list[tuple[str, Decimal]]


def overview(
    actor: Actor,
    organisation: Organisation,
    typed: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Context of console/credits.html; `typed` is the form's."""
    found = credits.balances_for(actor, organisation)
    held = access.permissions_in_organisation(actor, organisation)
    return {
        "organisation": organisation,
        "rows": [_row(balance) for balance in found],
        "allowances": _allowances(actor, organisation),
        "left": sum((one.left for one in found if not one.expired), Decimal(0)),
        "may_redeem": Permission.BILLING_MANAGE in held,
        "typed": typed or {},
        "errors": errors or {},
    }


def _allowances(actor: Actor, organisation: Organisation) -> list[dict[str, Any]] | None:
    """What the free tier gives and what is left, most used first; None for who pays."""
    found = free_tier.allowances_for(actor, organisation)
    if found is None:
        return None
    return [
        {
            "what": free_tier.what_of(left),
            "left": measured(round(max(left.free - left.used, Decimal(0)), 1), left.unit),
            "free": measured(left.free, left.unit),
            "percent": min(int(left.percent), 100),
        }
        for left in sorted(found, key=lambda one: -one.percent)
    ]


def offering_name(slug: str) -> str:
    """Of an offering that credit is for; all where it is for none in particular."""
    entry = registry.entries().get(slug)
    return entry.offering.name if entry else slug or _("All services")


def _row(balance: Balance) -> Row:
    if not balance.left:
        state, tone = _("Used up"), "quiet"
    elif balance.expired:
        state, tone = _("Expired"), "warn"
    else:
        state, tone = _("Can be used"), "ok"
    taken = [
        (month_name(date.fromisoformat(f"{month}-01")), amount)
        for month, amount in balance.taken.items()
    ]
    return Row(balance, _scope(balance), state, tone, taken)


def _scope(balance: Balance) -> str:
    """What it is for, or where it comes from."""
    if carried := balance.grant.carries:
        return _("Corrections for %(month)s") % {"month": month_name(carried)}
    return offering_name(balance.grant.offering)
