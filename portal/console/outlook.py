"""What the cost pages show beside what was spent: forecast, budget, unusual days, new prices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from billing.budgets import queries as budgets
from billing.costs import queries as costs
from billing.formats import money
from billing.identity.queries import rate_for
from billing.metering.plantime import month_bounds
from billing.outlook import queries as looking
from billing.outlook.queries import Outlook, outlook_for
from billing.pricebook import queries as prices
from billing.pricebook.texts import vat_label
from portal.console.overlay import Expected, Overlay
from portal.kernel import clock
from portal.kernel.actor import Actor
from portal.kernel.formats import short_day
from portal.tenancy import access
from portal.tenancy.models import Organisation
from portal.tenancy.permissions import Permission
from services import registry

if TYPE_CHECKING:
    from billing.models import Budget
    from portal.tenancy.models import Project

NET, GROSS = "net", "gross"
_BY = {
    "offering": gettext_noop("Service type"),
    "project": gettext_noop("Project"),
    "instance": gettext_noop("Service"),
}
_HUNDRED = Decimal(100)
_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Basis:
    """Whether figures are net or with VAT, in words, and what a net amount is multiplied by."""

    code: str
    label: str
    factor: Decimal


def without(by: str) -> str:
    """What stands in a split of costs for all that belongs to none of its groups."""
    words = {
        "offering": _("Of no service type"),
        "family": _("Of no family"),
        "project": _("Of no project"),
        "instance": _("Of no single service"),
        "region": _("Of no region"),
    }
    return words.get(by, _("Without this tag"))


def basis_of(organisation: Organisation, code: str) -> Basis:
    """Net unless the VAT is asked for: then by the decision for the organisation."""
    if code != GROSS:
        return Basis(NET, _("net, without VAT"), Decimal(1))
    rate = rate_for(organisation)
    factor = (_HUNDRED + rate.percent) / _HUNDRED
    return Basis(GROSS, _("with VAT: %(vat)s") % {"vat": vat_label(rate)}, factor)


def of_month(
    actor: Actor, organisation: Organisation, month: date, project: str, factor: Decimal
) -> dict[str, Any]:
    """Figures of a month: so far, forecast, budget, a day. Amounts are times `factor`."""
    found = outlook_for(actor, organisation, month=month, project=project)
    budget = budget_of(actor, organisation, project)
    one = found.forecast
    return {
        "found": found,
        "runs": bool(one.days),
        "actual": one.actual * factor,
        "expected": one.expected * factor,
        "low": one.low * factor,
        "high": one.high * factor,
        "rate": found.rate * factor,
        "budget": budget,
        "budget_amount": budget.amount * factor if budget else None,
        "percent": one.expected * _HUNDRED / budget.amount if budget else None,
    }


def budget_of(actor: Actor, organisation: Organisation, project: str) -> Budget | None:
    """The smallest budget of exactly what is shown: the organisation, or one project. One query."""
    rows = budgets.budgets_for(actor, organisation).order_by("amount")
    scope = {"scope": "project", "project__slug": project} if project else {"scope": "organisation"}
    return rows.filter(**scope).first()


def overlay_of_days(
    times: Sequence[date],
    month: Mapping[str, Any],
    unusual: Sequence[looking.Unusual],
    factor: Decimal,
) -> Overlay:
    """Over bars of days."""
    found: Outlook = month["found"]
    place = {day: n for n, day in enumerate(times)}
    to_come = {day: amount for day, amount in found.forecast.days if day in place}
    length = Decimal(len(times))
    amount = month["budget_amount"]
    return Overlay(
        expected={place[day]: _band(found, cost, factor) for day, cost in to_come.items()},
        flags={place[one.day]: _said(one, factor) for one in unusual if one.day in place},
        changes={place[day]: text for day, text in _changes(times[0], times[-1]) if day in place},
        line=amount / length if amount is not None else None,
        line_name=_("Budget, a day"),
    )


def overlay_of_months(times: Sequence[date], month: Mapping[str, Any]) -> Overlay:
    """Over bars of months: the running one is expected to grow."""
    place = {first: n for n, first in enumerate(times)}
    expected = {}
    if month["runs"] and month["found"].month in place:
        one = Expected(month["expected"], month["low"], month["high"])
        expected[place[month["found"].month]] = one
    changes = {
        place[day.replace(day=1)]: text for day, text in _changes(times[0], clock.now().date())
    }
    return Overlay(
        expected=expected,
        changes=changes,
        line=month["budget_amount"],
        line_name=_("Budget"),
    )


def _band(found: Outlook, cost: Decimal, factor: Decimal) -> Expected:
    """A day's share of the month's band."""
    one = found.forecast
    to_come = one.expected - one.actual
    down = (one.expected - one.low) / to_come if to_come else _ZERO
    up = (one.high - one.expected) / to_come if to_come else _ZERO
    amount = cost * factor
    return Expected(amount, amount * (1 - down), amount * (1 + up))


def _said(one: looking.Unusual, factor: Decimal) -> str:
    text = _("%(amount)s, where %(expected)s would be usual")
    return text % {"amount": money(one.amount * factor), "expected": money(one.expected * factor)}


def _changes(first: date, last: date) -> list[tuple[date, str]]:
    """Days on which the price of something that had one became another."""
    had: dict[tuple[str, str, str], date] = {}
    found: dict[date, set[str]] = {}
    for row in sorted(prices.book(), key=lambda row: row.valid_from):
        key = (row.price_class, row.meter, row.region)
        day = row.valid_from.date()
        if key in had and first <= day <= last:
            found.setdefault(day, set()).add(row.price_class)
        had[key] = day
    return [
        (day, _("New prices: %(names)s") % {"names": ", ".join(sorted(names))})
        for day, names in sorted(found.items())
    ]


def unusual_rows(
    actor: Actor, organisation: Organisation, first: date, end: date, factor: Decimal
) -> list[dict[str, Any]]:
    """Unusual days of [`first`, `end`) with what they are made of and where the acts of the day
    stand, for who may see them; the newest first. One query, three where there are any.
    """
    days = looking.unusual_days_for(actor, organisation, first, end)
    keys = {part.key for one in days for part in one.parts if part.by == "instance"}
    names = costs.service_names(organisation, keys)
    held = access.permissions_in_organisation(actor, organisation) if days else frozenset()
    audits = Permission.AUDIT_VIEW in held
    opens = Permission.INSTANCE_VIEW in held
    return [
        {
            "one": one,
            "amount": one.amount * factor,
            "expected": one.expected * factor,
            "parts": [_part(part, factor, names, opens=opens) for part in one.parts],
            "audit": f"{reverse('console:audit')}?{_of_day(one.day)}" if audits else "",
            "day": short_day(one.day),
        }
        for one in days
    ]


def _part(
    part: looking.Part, factor: Decimal, names: Mapping[str, str], *, opens: bool
) -> dict[str, Any]:
    """A part in words; a service has an address for who may open it."""
    entry = registry.entries().get(part.key) if part.by == "offering" else None
    is_service = opens and part.by == "instance" and part.key
    return {
        "name": entry.offering.name if entry else names.get(part.key, part.key) or without(part.by),
        "by": _(_BY[part.by]),
        "url": reverse("console:service", args=[part.key]) if is_service else "",
        "excess": part.excess * factor,
    }


def _of_day(day: date) -> str:
    return urlencode({"since": day.isoformat(), "until": day.isoformat()})


def of_project(actor: Actor, project: Project) -> dict[str, Any]:
    """What the overview shows of money: the month so far, its forecast, the budget."""
    month = clock.now().date().replace(day=1)
    found = of_month(actor, project.organisation, month, project.slug, Decimal(1))
    return found | {"month": month, "costs": f"{reverse('console:costs')}?project={project.slug}"}


def days_of(month: date) -> list[date]:
    """All days of a calendar month."""
    start, end = month_bounds(month)
    first = start.date()
    return [first + timedelta(days=n) for n in range((end - start).days)]
