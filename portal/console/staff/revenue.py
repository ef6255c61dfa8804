"""What the provider earns, as staff reads it, and what regions cost, as staff enters it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from billing.month_end import revenue
from portal.console.outlook import without
from portal.kernel import clock
from portal.kernel.actor import Actor
from portal.kernel.errors import Invalid
from portal.tenancy import oversight as customers
from services import registry
from services.regions import oversight as places

FILTERS = ("month", "by")
_MOST = 100
_NOTHING = Decimal(0)


def shown(actor: Actor, asked: Mapping[str, str]) -> dict[str, Any]:
    """Context of console/staff/revenue.html. `asked`: month (YYYY-MM), by."""
    month, by = _month(asked.get("month", "")), asked.get("by", "")
    by = by if by in revenue.GROUPS else "offering"
    found = revenue.earned(actor, month, by)
    total = sum((row.amount for row in found), _NOTHING)
    before = sum((row.before for row in found), _NOTHING)
    names = _names(actor, by)
    margins = revenue.margins(actor, month)
    costs = [row.cost for row in margins if row.cost is not None]
    return {
        "month": month,
        "by": by,
        "groupings": _groupings(),
        "rows": [(names.get(row.group, row.group) or without(by), row) for row in found[:_MOST]],
        "more": max(0, len(found) - _MOST),
        "total": total,
        "before": before,
        "margins": margins,
        "cost": sum(costs, _NOTHING) if costs else None,
        "chart": _chart(revenue.by_month(actor, month), month),
        "unbilled": revenue.unbilled_usage(actor),
        "waiting": revenue.waiting(actor),
    }


def enter_cost(actor: Actor, sent: Mapping[str, str]) -> date:
    """What the form of a region sends: month, region, amount. The month. Raises: Invalid."""
    month = _read(sent.get("month", ""))
    if month is None:
        raise Invalid({"month": _("Give the month as in 2026-10.")})
    amount, region = sent.get("amount", ""), sent.get("region", "")
    revenue.enter_region_cost(actor=actor, month=month, region=region, amount=amount)
    return month


def _groupings() -> list[tuple[str, str]]:
    return [
        ("offering", _("Service type")),
        ("organisation", _("Organisation")),
        ("region", _("Region")),
    ]


def _names(actor: Actor, by: str) -> dict[str, str]:
    if by == "offering":
        return {slug: entry.offering.name for slug, entry in registry.entries().items()}
    if by == "region":
        return {region.code: region.name for region in places.regions(actor)}
    return dict(customers.organisations(actor).values_list("slug", "name"))


def _chart(sums: Mapping[date, Decimal], last: date) -> dict[str, Any] | None:
    """Bars of twelve months; None without any revenue."""
    if not any(sums.values()):
        return None
    count = last.year * 12 + last.month - 1
    months = [date(n // 12, n % 12 + 1, 1) for n in range(count - 11, count + 1)]
    values = [round(sums.get(month, _NOTHING), 2) for month in months]
    return {
        "title": _("Revenue, net"),
        "labels": [date_format(month, "M y") for month in months],
        "series": [(_("Revenue, net"), values)],
        "every": 1,
    }


def _month(text: str) -> date:
    """The first day; of last month's when it is unreadable or in the future."""
    now = clock.now().date().replace(day=1)
    month = _read(text)
    return month if month and month <= now else (now - timedelta(days=1)).replace(day=1)


def _read(text: str) -> date | None:
    try:
        month = date.fromisoformat(f"{text}-01")
    except ValueError:
        return None
    return month if month.year > 2000 else None
