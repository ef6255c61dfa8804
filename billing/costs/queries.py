"""What was spent, by day or month and by what it was spent on: the one source of every page, answer
and export that shows costs.

Amounts are exact and net of VAT; until an invoice is issued they are not yet rounded. A reader sees
the costs of the projects in which they may, and of the organisation itself only as its member.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import chain
from typing import Any, Literal

from django.db.models import CharField, DecimalField, F, Q, QuerySet, Sum, Value
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Coalesce, TruncMonth
from django.utils.translation import gettext as _

from billing.costs import sums
from billing.models import CostLine, CostRollup, Price, RatedMonth, TagSet, UsageRecord
from portal.kernel.actor import Actor
from portal.kernel.errors import Invalid
from portal.tenancy import access
from portal.tenancy.models import Organisation
from portal.tenancy.permissions import Permission
from services import registry
from services.instances.models import Instance

Period = Literal["day", "month"]
_COLUMNS = {
    "family": "offering",
    "offering": "offering",
    "project": "project__slug",
    "region": "region",
    "instance": "instance__public_id",
}
GROUPS = tuple(_COLUMNS)
LONGEST_DAYS = 400
_COSTS = ("list_cost", "billed_cost", "effective_cost")
_NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class CostRow:
    """What `group` cost in the day or month that begins at `start`."""

    start: date
    group: str
    list_cost: Decimal
    billed_cost: Decimal
    effective_cost: Decimal


@dataclass(frozen=True, slots=True)
class Costs:
    """Rows by time and group, dearest first within a time, and their sum as billed."""

    rows: list[CostRow]
    total: Decimal
    currency: str = "EUR"

    def times(self, factor: Decimal) -> Costs:
        """Every amount times `factor`: with VAT, for one."""
        rows = [
            CostRow(
                row.start,
                row.group,
                row.list_cost * factor,
                row.billed_cost * factor,
                row.effective_cost * factor,
            )
            for row in self.rows
        ]
        return Costs(rows, self.total * factor, self.currency)

    def by_group(self) -> dict[str, Decimal]:
        """The whole time, dearest first."""
        sums: dict[str, Decimal] = {}
        for row in self.rows:
            sums[row.group] = sums.get(row.group, _NOTHING) + row.billed_cost
        return dict(sorted(sums.items(), key=lambda item: (-item[1], item[0])))

    def by_start(self) -> dict[date, dict[str, Decimal]]:
        """Each time that has costs, oldest first, with what each group cost then."""
        found: dict[date, dict[str, Decimal]] = {}
        for row in self.rows:
            groups = found.setdefault(row.start, {})
            groups[row.group] = groups.get(row.group, _NOTHING) + row.billed_cost
        return found


def costs_for(
    actor: Actor,
    organisation: Organisation,
    *,
    first: date,
    end: date,
    period: Period = "day",
    group_by: str = "offering",
    project: str = "",
    instances: Collection[str] = (),
    tag: tuple[str, str] | None = None,
) -> Costs:
    """Costs of [`first`, `end`). `group_by` is one of `GROUPS` or `tag:KEY`; what has no such tag
    stands under "". Only of `instances`, where some are named; "" is what belongs to none. One
    query; by instance two, of whole months and of what is left.

    Raises: NotPermitted; Invalid for an unknown grouping or more than `LONGEST_DAYS`.
    """
    _check_span(first, end)
    if instances or group_by == "instance":
        sources = _by_instance(actor, organisation, [(first, end)], project, period, instances)
    else:
        sources = [_rows(_seen(actor, organisation), first, end, project)]
    added = {f"{name}_sum": Sum(name) for name in _COSTS}
    listed = []
    for rows in sources:
        if tag is not None:
            sets = TagSet.objects.filter(tags__contains={tag[0]: tag[1]})
            rows = rows.filter(tag_set__in=sets.values("pk"))
        of_groups = rows.annotate(start=_start(period), key=_key(group_by))
        listed.append(of_groups.values_list("start", "key").annotate(**added).order_by("start"))
    found = list(_merged(chain.from_iterable(listed), group_by))
    return Costs(found, sum((row.billed_cost for row in found), _NOTHING))


def spot_costs_for(
    actor: Actor,
    organisation: Organisation,
    *,
    first: date,
    end: date,
    period: Period,
    group_by: str,
    project: str = "",
) -> dict[tuple[date, str], Decimal]:
    """What of the billed costs of `costs_for` was at the price of spare capacity, by time and
    group; those without any left out. One query where nothing ever ran there, else two.

    Raises: as `costs_for`.
    """
    _check_span(first, end)
    used = UsageRecord.objects.filter(organisation=organisation, spot_factor__isnull=False)
    if not used.filter(day__lt=end).exists():
        return {}
    rows = _rows(_seen(actor, organisation), first, end, project, lines=True)
    listed = (
        rows.filter(price__category=Price.Category.DYNAMIC)
        .annotate(start=_start(period), key=_key(group_by))
        .values_list("start", "key")
        .annotate(Sum("billed_cost"))
        .order_by()
    )
    found: dict[tuple[date, str], Decimal] = {}
    for start, key, cost in listed:
        group = _family(key) if group_by == "family" else key
        found[start, group] = found.get((start, group), _NOTHING) + cost
    return found


@dataclass(frozen=True, slots=True)
class GroupSum:
    """What `group` was billed in all, and in the time before."""

    group: str
    amount: Decimal
    before: Decimal

    @property
    def change(self) -> Decimal:
        return self.amount - self.before


def group_sums_for(
    actor: Actor,
    organisation: Organisation,
    *,
    span: tuple[date, date],
    before: tuple[date, date],
    group_by: str,
    project: str = "",
) -> list[GroupSum]:
    """Every group of [first, end) of `span` or of `before`, which ends where `span` begins or
    earlier: dearest first, and last what only the time before had. As many queries as `costs_for`.

    Raises: NotPermitted; Invalid as `costs_for`.
    """
    for first, end in (span, before):
        _check_span(first, end)
    if group_by == "instance":
        sources = _by_instance(actor, organisation, [before, span], project, "month")
    else:
        sources = [_rows(_seen(actor, organisation), before[0], span[1], project)]
    now, then = (Q(day__gte=first, day__lt=end) for first, end in (span, before))
    listed = [
        source.annotate(key=_key(group_by))
        .values_list("key")
        .annotate(now=Sum("billed_cost", filter=now), then=Sum("billed_cost", filter=then))
        .order_by()
        for source in sources
    ]
    found: dict[str, list[Decimal]] = {}
    for key, *amounts in chain.from_iterable(listed):
        if amounts == [None, None]:  # only between the two
            continue
        entry = found.setdefault(_family(key) if group_by == "family" else key, [_NOTHING] * 2)
        for index, amount in enumerate(amounts):
            entry[index] += amount or _NOTHING
    listed_sums = [GroupSum(group, *amounts) for group, amounts in found.items()]
    return sorted(
        listed_sums, key=lambda row: (not row.amount, -row.amount, -row.before, row.group)
    )


def totals_for(
    actor: Actor,
    organisation: Organisation,
    *,
    first: date,
    end: date,
    period: Period,
    project: str = "",
) -> dict[date, Decimal]:
    """What each day or month of [`first`, `end`) was billed in all, those without costs left out.
    One query. Raises: NotPermitted.
    """
    rows = _rows(_seen(actor, organisation), first, end, project).annotate(start=_start(period))
    listed = rows.values_list("start").annotate(Sum("billed_cost"))
    return dict(listed.order_by("start"))


@dataclass(frozen=True, slots=True)
class DaySum:
    """What a day was billed: `usage`, and `other` (purchases, credits, and what corrects a closed
    month, which was used on other days). The keys are None unless the sums were split by them.
    """

    day: date
    usage: Decimal
    other: Decimal
    project_id: int | None = None
    tag_set_id: int | None = None


def day_sums_for(
    actor: Actor,
    organisation: Organisation,
    *,
    first: date,
    end: date,
    project: str = "",
    split: Iterable[str] = (),
) -> list[DaySum]:
    """The days of [`first`, `end`), oldest first; `split` further by `project_id` or `tag_set_id`.
    Two queries. Raises: NotPermitted.
    """
    names, seen = ["day", *split], _seen(actor, organisation)
    rows = _rows(seen, first, end, project)
    used = Q(category=CostLine.Category.USAGE)
    listed = rows.values(*names).annotate(
        usage=Coalesce(Sum("billed_cost", filter=used), _NOTHING, output_field=DecimalField()),
        other=Coalesce(Sum("billed_cost", filter=~used), _NOTHING, output_field=DecimalField()),
    )
    late = _corrected(seen, first, end, project).values_list(*names)
    corrected = {tuple(key): cost for *key, cost in late.annotate(Sum("billed_cost")).order_by()}
    found = []
    for row in listed.order_by("day"):
        cost = corrected.get(tuple(row[name] for name in names), _NOTHING)
        row["usage"], row["other"] = row["usage"] - cost, row["other"] + cost
        found.append(DaySum(**row))
    return found


def corrections_by_day(
    actor: Actor, organisation: Organisation, *, first: date, end: date, group_by: str
) -> dict[tuple[date, str], Decimal]:
    """What the days of [`first`, `end`) were billed of closed months, by day and group of
    `costs_for`. One query. Raises: NotPermitted, Invalid.
    """
    rows = _corrected(_seen(actor, organisation), first, end).annotate(group=_key(group_by))
    listed = rows.values_list("day", "group").annotate(Sum("billed_cost")).order_by()
    return {(day, group): cost for day, group, cost in listed}


def _corrected(seen: Q, first: date, end: date, project: str = "") -> QuerySet[Any]:
    """Usage of closed months that days of [`first`, `end`) bill."""
    rows = CostLine.objects.filter(
        seen,
        day__gte=first,
        day__lt=end,
        category=CostLine.Category.USAGE,
        corrects_day__isnull=False,
    )
    return rows.filter(project__slug=project) if project else rows


def rated_until(organisation: Organisation, month: date) -> Any:
    """When the month's costs were last worked out; None before the first time."""
    rows = RatedMonth.objects.filter(organisation=organisation, month=month)
    return rows.values_list("rated_at", flat=True).first()


def tag_keys(organisation: Organisation, first: date, end: date) -> list[str]:
    """The keys of all tags that costs of [`first`, `end`) carry, in the order of the alphabet."""
    rows = CostRollup.objects.filter(organisation=organisation, day__gte=first, day__lt=end)
    sets = TagSet.objects.filter(pk__in=rows.values("tag_set")).values_list("tags", flat=True)
    return sorted({key for tags in sets for key in tags})


def service_names(organisation: Organisation, keys: Collection[str]) -> dict[str, str]:
    """What services are called, by the ids that `costs_for` groups by; with its id where two have
    the same name. For who may see those costs. A query, where there are any.
    """
    rows = Instance.objects.filter(project__organisation=organisation, public_id__in=keys)
    found = dict(rows.values_list("public_id", "name")) if keys else {}
    often = Counter(found.values())
    return {key: f"{name} ({key})" if often[name] > 1 else name for key, name in found.items()}


def _check_span(first: date, end: date) -> None:
    if end <= first:
        raise Invalid({"to": _("The end must lie after the beginning.")})
    if (end - first).days > LONGEST_DAYS:
        text = _("Ask for at most %(days)s days at once.") % {"days": LONGEST_DAYS}
        raise Invalid({"from": text})


def _start(period: Period) -> Any:
    return TruncMonth("day") if period == "month" else F("day")


def _rows(seen: Q, first: date, end: date, project: str, *, lines: bool = False) -> QuerySet[Any]:
    """The rollups, or the `lines`, of [`first`, `end`) that the reader may see."""
    model: Any = CostLine if lines else CostRollup
    rows: QuerySet[Any] = model.objects.filter(seen, day__gte=first, day__lt=end)
    return rows.filter(project__slug=project) if project else rows


def _by_instance(
    actor: Actor,
    organisation: Organisation,
    spans: Sequence[tuple[date, date]],
    project: str,
    period: Period,
    instances: Collection[str] = (),
) -> list[QuerySet[Any]]:
    """The same by instance (`billing.costs.sums`)."""
    seen = _seen(actor, organisation)
    if project:
        seen &= Q(project__slug=project)
    by_month = period == "month"
    return [rows.filter(seen) for rows in sums.by_instance(spans, by_month, instances)]


def _seen(actor: Actor, organisation: Organisation) -> Q:
    """What picks the rows of the organisation that the reader may see. A query. Raises:
    NotPermitted.
    """
    may = access.seen(actor, organisation, Permission.COST_VIEW)
    return Q(organisation=organisation) & may


def _key(group_by: str) -> Any:
    kind, _colon, name = group_by.partition(":")
    if kind == "tag" and name:
        tag = KeyTextTransform(name, "tag_set__tags", output_field=CharField())
        return Coalesce(tag, Value(""), output_field=CharField())
    if group_by not in _COLUMNS:
        choices = ", ".join((*GROUPS, "tag:KEY"))
        text = _("“%(value)s” is no grouping. Choose one of: %(choices)s.")
        raise Invalid({"group_by": text % {"value": group_by, "choices": choices}})
    return Coalesce(F(_COLUMNS[group_by]), Value(""), output_field=CharField())


def _merged(rows: Iterable[tuple[Any, ...]], group_by: str) -> Iterable[CostRow]:
    """Families are put together from their offerings, which the database does not know."""
    sums: dict[tuple[date, str], list[Decimal]] = {}
    for start, key, *costs in rows:
        group = _family(key) if group_by == "family" else key
        entry = sums.setdefault((start, group), [_NOTHING] * len(_COSTS))
        for index, cost in enumerate(costs):
            entry[index] += cost
    ordered = sorted(sums.items(), key=lambda item: (item[0][0], -item[1][1], item[0][1]))
    for (start, group), costs in ordered:
        yield CostRow(start, group, *costs)


def _family(slug: str) -> str:
    entry = registry.entries().get(slug)
    return entry.offering.family.value if entry else ""
