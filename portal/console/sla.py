"""How promises were kept in a month: of all services of an organisation, and of one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.core.paginator import Paginator
from django.utils.translation import gettext as _

from billing.formats import money
from billing.sla import reports as sla_reports
from billing.sla.reports import Outage, Report
from portal.console.badges import Look
from portal.kernel import clock
from portal.kernel.actor import Actor
from portal.tenancy.models import Organisation

if TYPE_CHECKING:
    from services.instances.models import Instance

FILTERS = ("month", "service")
_PER_PAGE = 25
_MOST_OUTAGES = 12


@dataclass(frozen=True, slots=True)
class Line:
    """One service. `formula` says how its credit came to be, `outages` are the longest."""

    report: Report
    look: Look
    formula: str
    outages: tuple[Outage, ...]
    more: int


def report(actor: Actor, organisation: Organisation, asked: Mapping[str, str]) -> dict[str, Any]:
    """Context of console/sla.html. `asked`: month (YYYY-MM), service (a public id), page."""
    month = _month(asked.get("month", ""))
    service = asked.get("service", "").replace("\0", "").strip()
    reports = sla_reports.reports_for(actor, organisation, month, instance=service)
    ordered = sorted(reports, key=_worst_first)
    found = Paginator(ordered, _PER_PAGE).get_page(asked.get("page"))
    measured = [one for one in reports if one.measured.is_measured]
    return {
        "organisation": organisation,
        "month": month,
        "service": service,
        "found": found,
        "lines": [_line(one) for one in found],
        "all": len(reports),
        "measured": len(measured),
        "unmeasured": len(reports) - len(measured),
        "kept": sum(one.measured.is_kept and one.measured.is_fast for one in measured),
        "lost": sum(one.measured.bad for one in reports),
        "excluded": sum(one.measured.excluded for one in reports),
        "credit": sum((one.credit.amount for one in reports), Decimal(0)),
        "settled": any(one.settled for one in reports),
        "query": {"month": f"{month:%Y-%m}", "service": service},
    }


def of_service(instance: Instance) -> dict[str, Any]:
    """What the page of a service shows of this month: `sla_line`, None before anything is known."""
    month = _month("")
    found = sla_reports.report_of(instance, month)
    return {"sla_line": _line(found) if found else None, "sla_month": month}


def _worst_first(one: Report) -> tuple[bool, int, str]:
    kept = one.measured.is_kept and one.measured.is_fast
    return kept, -one.measured.bad, one.instance.name


def _line(one: Report) -> Line:
    longest = sorted(one.outages, key=lambda outage: (-outage.minutes, outage.start))
    shown = sorted(longest[:_MOST_OUTAGES], key=lambda outage: outage.start)
    return Line(one, _look(one), _formula(one), tuple(shown), len(longest) - len(shown))


def _look(one: Report) -> Look:
    if not one.measured.is_measured:
        return Look("hollow", _("not measured"))
    if one.measured.is_kept and one.measured.is_fast:
        return Look("ok", _("kept"))
    return Look("bad", _("missed"))


def _formula(one: Report) -> str:
    """`15 % (availability) + 5 % (speed) of € 93.67 = € 18.73`; empty where nothing is owed."""
    credit = one.credit
    if not credit.percent:
        return ""
    parts = []
    if credit.for_time:
        parts.append(_("%(percent)s %% for availability") % {"percent": credit.for_time})
    if credit.for_speed:
        parts.append(_("%(percent)s %% for speed") % {"percent": credit.for_speed})
    cost, amount = money(credit.cost, 4), money(credit.amount, 2)
    of = {"parts": " + ".join(parts), "cost": cost, "amount": amount}
    return _("%(parts)s, of %(cost)s: %(amount)s") % of


def _month(text: str) -> date:
    """The first day of `YYYY-MM`; of this month when that is unreadable or in the future."""
    now = clock.now().date().replace(day=1)
    try:
        month = date.fromisoformat(f"{text}-01")
    except ValueError:
        return now
    return min(month, now) if month.year > 2000 else now
