"""Vouchers, for staff."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from django.core.paginator import Paginator
from django.utils.translation import gettext as _

from billing.credits import vouchers
from billing.credits.vouchers import NewVoucher
from portal.console.credits import offering_name
from portal.kernel.actor import Actor
from services import registry

if TYPE_CHECKING:
    from billing.models import Voucher

_PAGE = 50
_TONES = {"open": "ok", "used": "info", "over": "hollow", "withdrawn": "hollow"}


def page_of(
    actor: Actor,
    number: str | None,
    sent: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
    code: str = "",
) -> dict[str, Any]:
    """Context of console/staff/vouchers.html; `code` is that of a new voucher, shown once."""
    found = Paginator(vouchers.vouchers(actor), _PAGE).get_page(number)
    words = {
        "open": _("Open"),
        "used": _("Used up"),
        "over": _("Over"),
        "withdrawn": _("Withdrawn"),
    }
    states = [(row, vouchers.state_of(row, row.redeemed)) for row in found]
    return {
        "found": found,
        "rows": [
            (row, _TONES[state], words[state], offering_name(row.offering)) for row, state in states
        ],
        "offerings": sorted(
            ((slug, entry.offering.name) for slug, entry in registry.entries().items()),
            key=lambda pair: pair[1].lower(),
        ),
        "sent": sent or {},
        "errors": errors or {},
        "code": code,
    }


def create(actor: Actor, sent: Mapping[str, str]) -> tuple[Voucher, str]:
    """Raises: NotPermitted, Invalid."""
    times = sent.get("times", "1").strip()
    return vouchers.create_voucher(
        actor=actor,
        wanted=NewVoucher(
            amount=_amount(sent.get("amount", "")),
            valid_until=_day(sent.get("valid_until", "")),
            credit_until=_day(sent.get("credit_until", "")),
            times=int(times) if times.isascii() and times.isdigit() and len(times) < 9 else 0,
            offering=sent.get("offering", ""),
            note=sent.get("note", ""),
        ),
    )


def _amount(text: str) -> Decimal | None:
    try:
        found = Decimal(text.strip().replace(",", "."))
    except InvalidOperation:
        return None
    return found if found.is_finite() else None


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        return None
