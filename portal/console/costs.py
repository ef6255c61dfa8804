"""The cost explorer: what was spent, by day or month and by what, beside the month before; as a
page and as CSV.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.http import QueryDict
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from billing.costs import queries as costs
from billing.costs import service as service_costs
from billing.formats import exact_money
from billing.pricebook import pricelist, texts
from portal.console import outlook as looking
from portal.console.address import query_of
from portal.console.catalogue import FAMILIES
from portal.console.overlay import Overlay
from portal.console.queries import cost_views_for
from portal.kernel import clock
from portal.kernel.actor import Actor
from portal.tenancy import access
from portal.tenancy.models import Organisation
from portal.tenancy.permissions import Permission
from services import registry
from services.regions import queries as regions

if TYPE_CHECKING:
    from billing.costs.queries import GroupSum
    from billing.pricebook.pricelist import PlanChange
    from portal.tenancy.models import Project
    from services.instances.models import Instance

FILTERS = ("month", "period", "by", "project", "basis")
_MONTHS = 12  # how far the view by month looks back
_SERIES = 5  # named in the chart; the rest is one more, in grey
_MOST = 100  # in the table; the rest is in its total, and in the CSV
_NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class Asked:
    """What is shown: [`first`, `end`) and the time before that it is compared with."""

    month: date
    period: costs.Period
    group_by: str
    project: str
    first: date
    end: date
    before: date


@dataclass(frozen=True, slots=True)
class Line:
    """One group: what it cost, what it cost in the time before, and the difference."""

    name: str
    amount: Decimal
    before: Decimal

    @property
    def change(self) -> Decimal:
        return self.amount - self.before


def explorer(actor: Actor, organisation: Organisation, asked: Mapping[str, str]) -> dict[str, Any]:
    """Context of console/costs.html. `asked`: month (YYYY-MM), period, by, project, basis."""
    projects = _projects(actor, organisation)
    wanted = _read(asked, projects)
    basis = looking.basis_of(organisation, asked.get("basis", ""))
    sums = _sums(actor, organisation, wanted)
    total, before = (
        sum((getattr(row, name) for row in sums), _NOTHING) * basis.factor
        for name in ("amount", "before")
    )
    changed = sorted((row for row in sums if row.change), key=lambda row: -abs(row.change))[:3]
    shown = {row.group for row in (*sums[:_MOST], *changed)}
    names = _names(organisation, wanted.group_by, projects, shown)
    lines, changes = (_lines(rows, names, basis.factor) for rows in (sums[:_MOST], changed))
    query = {
        "month": f"{wanted.month:%Y-%m}",
        "period": wanted.period,
        "by": wanted.group_by,
        "project": wanted.project,
        "basis": basis.code,
    }
    month = looking.of_month(actor, organisation, wanted.month, wanted.project, basis.factor)
    days = wanted.period == "day"
    first = wanted.month if days else wanted.first
    unusual = looking.unusual_rows(actor, organisation, first, wanted.end, basis.factor)
    series = _series(actor, organisation, wanted, sums, names) if total else []
    return {
        "basis": basis,
        "money": month,
        "unusual": unusual if not wanted.project else [],
        "organisation": organisation,
        "wanted": wanted,
        "lines": lines,
        "more": len(sums[_MOST:]),
        "total": total,
        "before": before,
        "change": total - before,
        "changes": changes,
        "chart": _chart(series, wanted, basis, _overlay(wanted, month, unusual, basis)),
        "groupings": _groupings(organisation, wanted),
        "projects": projects,
        "rated_at": costs.rated_until(organisation, wanted.month),
        "query": query,
        "csv": f"{reverse('console:costs-csv')}?{urlencode(query)}",
    }


def views(actor: Actor, project: Project, query: str) -> dict[str, Any]:
    """The saved views of the costs, for console/costs.html. One query."""
    saved = cost_views_for(actor, project)
    here = next((view for view in saved if view.query == query), None)
    home = reverse("console:costs")
    return {
        "views": [(view.public_id, view.name, f"{home}?{view.query}") for view in saved],
        "view": here,
        "view_is_mine": here is not None and here.user_id == actor.user_id,
        "plain": query,
    }


def plain_query(text: str) -> str:
    """What a form sent back as the page's query, in canonical form."""
    return query_of(QueryDict(text[:2000]).dict(), FILTERS)


def of_service(actor: Actor, instance: Instance, asked: Mapping[str, str]) -> dict[str, Any]:
    """Context of console/service_costs.html, beside service.frame. `asked`: month."""
    month = _month(asked.get("month", ""))
    lines = service_costs.usage_lines_for(actor, instance, month)
    return {
        "lines": [
            {
                "label": line.text or texts.meter_label(line.meter),
                "unit": texts.unit_symbol(line.unit),
                "price": exact_money(line.unit_price),
                "line": line,
            }
            for line in lines
        ],
        "total": sum((line.cost for line in lines), _NOTHING),
        "month": month,
        "rated_at": costs.rated_until(instance.project.organisation, month),
        "changes": _plan_changes(instance),
    }


def _plan_changes(instance: Instance) -> list[PlanChange]:
    """Announced for the plan of a service; none for what left the catalogue."""
    entry = registry.entries().get(instance.offering)
    if entry is None or instance.plan not in {plan.id for plan in entry.offering.plans}:
        return []
    return pricelist.plan_changes(entry, entry.offering.plan(instance.plan), instance.region.code)


def as_csv(actor: Actor, organisation: Organisation, asked: Mapping[str, str]) -> str:
    """The rows that are shown, for programs: exact amounts with a point, by their codes, net or
    with VAT as is shown. `spot_cost` is what of the billed cost was at the price of spare capacity.
    """
    wanted = _read(asked, _projects(actor, organisation))
    basis = looking.basis_of(organisation, asked.get("basis", ""))
    span: dict[str, Any] = {
        "first": wanted.first,
        "end": wanted.end,
        "period": wanted.period,
        "group_by": wanted.group_by,
        "project": wanted.project,
    }
    found = costs.costs_for(actor, organisation, **span).times(basis.factor)
    spot = costs.spot_costs_for(actor, organisation, **span)
    out = io.StringIO()
    writer = csv.writer(out)
    names = ("list_cost", "billed_cost", "effective_cost")
    writer.writerow(["start", "group", *names, "currency", "basis", "spot_cost"])
    for row in found.rows:
        amounts = [f"{cost:f}" for cost in (row.list_cost, row.billed_cost, row.effective_cost)]
        on_spare = spot.get((row.start, row.group), Decimal(0)) * basis.factor
        facts = (row.start.isoformat(), row.group, *amounts, found.currency, basis.code)
        writer.writerow([*facts, f"{on_spare:f}"])
    return out.getvalue()


def _read(asked: Mapping[str, str], projects: Mapping[str, str]) -> Asked:
    """What cannot be read is as if it were not there."""
    month = _month(asked.get("month", ""))
    period: costs.Period = "month" if asked.get("period") == "month" else "day"
    by = asked.get("by", "")
    project = asked.get("project", "")
    following = _step(month, 1)
    first = _step(month, 1 - _MONTHS) if period == "month" else month
    before = _step(first, -_MONTHS) if period == "month" else _step(month, -1)
    return Asked(
        month,
        period,
        by if by in costs.GROUPS or (by.startswith("tag:") and by[4:]) else "offering",
        project if project in projects else "",
        first,
        following,
        before,
    )


def _same_length(wanted: Asked) -> date:
    """The end of the time to compare with: as far as this one has come."""
    today = clock.now().date()
    if wanted.first <= today < wanted.end and wanted.period == "day":
        return min(wanted.before + (today - wanted.first) + timedelta(days=1), wanted.first)
    return wanted.first


def _sums(actor: Actor, organisation: Organisation, wanted: Asked) -> list[GroupSum]:
    """Of all groups, dearest first, and last what only the time before had. One query."""
    return costs.group_sums_for(
        actor,
        organisation,
        span=(wanted.first, wanted.end),
        before=(wanted.before, _same_length(wanted)),
        group_by=wanted.group_by,
        project=wanted.project,
    )


def _lines(rows: Iterable[GroupSum], names: Mapping[str, str], factor: Decimal) -> list[Line]:
    return [
        Line(names.get(row.group, row.group), row.amount * factor, row.before * factor)
        for row in rows
    ]


def _overlay(
    wanted: Asked,
    month: Mapping[str, Any],
    unusual: Sequence[Mapping[str, Any]],
    basis: looking.Basis,
) -> Overlay:
    times = _times(wanted)
    if wanted.period == "month":
        return looking.overlay_of_months(times, month)
    shown = [] if wanted.project else [row["one"] for row in unusual]
    return looking.overlay_of_days(times, month, shown, basis.factor)


def _series(
    actor: Actor,
    organisation: Organisation,
    wanted: Asked,
    groups: Sequence[GroupSum],
    names: Mapping[str, str],
) -> list[tuple[str, list[Decimal]]]:
    """The dearest of `groups` over time, and the rest as one. Two queries at most: of the rest,
    which may be thousands, only the sum is asked for.
    """
    named = [row.group for row in groups[:_SERIES] if row.amount]
    asked: dict[str, Any] = {"first": wanted.first, "end": wanted.end, "period": wanted.period}
    asked["project"] = wanted.project
    services = named if wanted.group_by == "instance" else ()
    found = costs.costs_for(
        actor, organisation, **asked, group_by=wanted.group_by, instances=services
    )
    sums, times = found.by_start(), _times(wanted)
    shown = [[sums.get(at, {}).get(group, _NOTHING) for at in times] for group in named]
    series = [(names.get(group, group), row) for group, row in zip(named, shown, strict=True)]
    if len(groups) > len(named):
        totals = costs.totals_for(actor, organisation, **asked)
        rest = [
            totals.get(at, _NOTHING) - sum(parts, _NOTHING)
            for at, *parts in zip(times, *shown, strict=True)
        ]
        if any(rest):
            series.append((_("Other"), rest))
    return series


def _chart(
    series: list[tuple[str, list[Decimal]]], wanted: Asked, basis: looking.Basis, overlay: Overlay
) -> dict[str, Any] | None:
    """Stacked bars. None without any cost."""
    if not series:
        return None
    style = "M y" if wanted.period == "month" else "j"
    return {
        "title": _("Costs, net") if basis.code == looking.NET else _("Costs, with VAT"),
        "overlay": overlay,
        "labels": [date_format(at, style) for at in _times(wanted)],
        "series": [(name, [round(c * basis.factor, 2) for c in row]) for name, row in series],
        "every": 1 if wanted.period == "month" else 5,
    }


def _times(wanted: Asked) -> list[date]:
    if wanted.period == "day":
        days = (wanted.end - wanted.first).days
        return [wanted.first + timedelta(days=n) for n in range(days)]
    return [_step(wanted.first, n) for n in range(_MONTHS)]


def _groupings(organisation: Organisation, wanted: Asked) -> list[tuple[str, str]]:
    fixed = [
        ("offering", _("Service type")),
        ("family", _("Family")),
        ("project", _("Project")),
        ("instance", _("Service")),
        ("region", _("Region")),
    ]
    keys = costs.tag_keys(organisation, wanted.before, wanted.end)
    return fixed + [(f"tag:{key}", _("Tag “%(key)s”") % {"key": key}) for key in keys]


def _projects(actor: Actor, organisation: Organisation) -> dict[str, str]:
    rows = access.projects(actor, Permission.PROJECT_VIEW).filter(organisation=organisation)
    return dict(rows.order_by("name").values_list("slug", "name"))


def _names(
    organisation: Organisation, by: str, projects: Mapping[str, str], groups: Collection[str]
) -> dict[str, str]:
    """What `groups` are called; "" is what belongs to none of them. A query for services alone."""
    names = {"": looking.without(by)}
    if by == "offering":
        return names | {slug: e.offering.name for slug, e in registry.entries().items()}
    if by == "family":
        return names | {key.value: str(name) for key, name in FAMILIES.items()}
    if by == "region":
        return names | {place.code: place.name for place in regions.regions()}
    if by == "instance":
        return names | costs.service_names(organisation, groups)
    return names | dict(projects) if by == "project" else names


def _month(text: str) -> date:
    """The first day of `YYYY-MM`; of this month when that is unreadable or in the future."""
    now = _this_month()
    try:
        month = date.fromisoformat(f"{text}-01")
    except ValueError:
        return now
    return min(month, now) if month.year > 2000 else now


def _this_month() -> date:
    return clock.now().date().replace(day=1)


def _step(month: date, months: int) -> date:
    count = month.year * 12 + month.month - 1 + months
    return date(count // 12, count % 12 + 1, 1)
