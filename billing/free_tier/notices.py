"""What people hear of the free tier."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from billing.pricebook.classes import class_label
from billing.pricebook.meters import METERS
from billing.pricebook.texts import meter_label
from portal.notifications import kinds
from portal.notifications.kinds import Kind
from portal.tenancy.permissions import Permission

if TYPE_CHECKING:
    from portal.notifications.kinds import Params

_MONEY = gettext_noop("Money")


def _what(params: Params) -> dict[str, Any]:
    price_class, meter = str(params.get("price_class", "…")), str(params.get("meter", ""))
    known = f": {meter_label(meter)}" if meter in METERS else ""
    return {"what": f"{class_label(price_class)}{known}"}


def _nearly(params: Params) -> str:
    return _("80 %% of the free tier are used: %(what)s") % _what(params)


def _used_up(params: Params) -> str:
    return _("The free tier of this month is used up: %(what)s") % _what(params)


def _before(_params: Params) -> str:
    return _("When it is used up, what runs is paused. Billing details let it go on.")


def _after(params: Params) -> str:
    stopped = ", ".join(params.get("stopped", ()))
    if not stopped:
        return _("Billing details let it go on; else it begins anew next month.")
    text = _("Paused: %(names)s. What is stored stays. Billing details let them go on.")
    return text % {"names": stopped}


def register() -> None:
    """At start."""
    common: dict[str, Any] = {
        "group": _MONEY,
        "icon": "wallet",
        "tone": "warn",
        "url_name": "console:credits",
        "targeted": False,
        "everyone": Permission.BILLING_MANAGE,
        "mail": True,
    }
    kinds.register(
        Kind(
            "free_tier.nearly_used_up",
            _nearly,
            _before,
            label=gettext_noop("The free tier is nearly used up"),
            **common,
        ),
        Kind(
            "free_tier.used_up",
            _used_up,
            _after,
            label=gettext_noop("The free tier is used up, and what drew on it paused"),
            **common,
        ),
    )
