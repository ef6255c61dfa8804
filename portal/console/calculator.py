"""The price calculator: lines of plans and of what is metered, what they come to in a month. Its
whole state is the query string, so an address is an estimate. Plans that may run on spare capacity
show both prices, whichever is counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.http import QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from billing.pricebook import pricelist, queries, texts
from billing.pricebook.classes import group_label
from billing.pricebook.meters import PLAN_METERS
from portal.console.catalogue import FAMILIES
from portal.kernel.errors import Unavailable
from portal.kernel.formats import number
from portal.kernel.money import HOURS_PER_MONTH, Money
from services import registry
from services.regions import queries as regions

if TYPE_CHECKING:
    from portal.tenancy.models import Organisation

Groups = list[tuple[str, list[tuple[str, str]]]]
_MOST_LINES = 20
_MOST = Decimal(1_000_000_000)
SPOT, LISTED = "spot", "list"


@dataclass(frozen=True, slots=True)
class Asked:
    """One line as it was typed."""

    item: str
    count: str = "1"
    hours: str = "730"
    spot: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """One line worked out, or what is wrong with it. `net` is exact until it is shown; `other` is
    what it costs the other way, where it may run at list price or on spare capacity; `ways`: some
    plan of the offering may.
    """

    asked: Asked
    heading: str = ""
    choices: Sequence[tuple[str, str]] = ()
    label: str = ""
    detail: str = ""
    unit: str = ""
    timed: bool = True
    ways: bool = False
    net: Money | None = None
    other: Money | None = None
    order: str = ""
    error: str = ""


def page(data: QueryDict, reader: Organisation | None = None) -> dict[str, Any]:
    """Context of console/calculator.html. `data`: region, and of each line i (what), n (how many),
    h (hours of the month) and s (`spot` or `list`); `add` adds the line `new`, `drop` takes one
    away. The VAT is that of `reader`.
    """
    places, vat = regions.regions(), pricelist.vat(reader)
    region = data.get("region", "") if data.get("region") in {p.code for p in places} else ""
    asked = _asked(data)
    groups = _choices()
    lines = [_among(_line(one, region), groups) for one in asked]
    total = sum((line.net.rounded() for line in lines if line.net), Money(Decimal(0)))
    return {
        "region": region,
        "regions": places,
        "choices": groups,
        "lines": lines,
        "full": len(lines) >= _MOST_LINES,
        "faulty": any(line.error for line in lines),
        "month": pricelist.with_vat(total, vat),
        "vat": texts.vat_label(vat),
        "query": query_of((line.asked for line in lines), region),
        "hours": HOURS_PER_MONTH,
    }


def query_of(asked: Iterable[Asked], region: str) -> str:
    """The estimate as a query string, without what is empty."""
    pairs = [("region", region)] if region else []
    rows = list(asked)
    some_spot = any(one.spot for one in rows)
    for one in rows:
        pairs += [("i", one.item), ("n", one.count), ("h", one.hours)]
        if some_spot:  # of every line, so that it stands beside its own
            pairs.append(("s", SPOT if one.spot else LISTED))
    return urlencode(pairs)


def _asked(data: QueryDict) -> list[Asked]:
    """The lines that name something, without the one that `drop` numbers, with the `new` one."""
    items, counts, hours, ways = (data.getlist(name) for name in ("i", "n", "h", "s"))
    found = [
        Asked(item[:100], _at(counts, i, "1"), _at(hours, i, "730"), _at(ways, i, LISTED) == SPOT)
        for i, item in enumerate(items)
    ]
    dropped = data.get("drop", "")
    kept = [one for i, one in enumerate(found) if str(i) != dropped and one.item]
    if "add" in data and data.get("new"):
        kept.append(Asked(str(data["new"])[:100]))
    return kept[:_MOST_LINES]


def _at(values: list[str], index: int, default: str) -> str:
    found = values[index].strip().replace(",", ".") if index < len(values) else ""
    return found[:20] or default


def _line(asked: Asked, region: str) -> Line:
    """Plans are named `offering/plan`, what is metered `class/meter`."""
    name, _slash, part = asked.item.partition("/")
    count = _number(asked.count, _MOST)
    hours = _number(asked.hours, HOURS_PER_MONTH)
    if count is None:
        return Line(asked, error=_("How many? Write a number from 0 to 1,000,000,000."))
    if hours is None:
        return Line(asked, error=_("Hours of a month are 0 to 730."))
    if name in registry.entries():
        return _plan_line(asked, name, part, region, count, hours)
    price = queries.prices_of(name, region).get(part)
    if price is None:
        return Line(asked, error=_("This is not in the price list any more."))
    timed = price.unit == "hour"
    net = pricelist.amount_of(price, count * hours if timed else count)
    detail = texts.allowance(price) if price.free_quantity and not price.free_for else ""
    unit = texts.unit_label(price.unit)
    names = {line.price.meter: text for text, line in pricelist.named_rates_of(name)}
    what = names[part]
    label = _timed(count, what, hours) if timed else _counted(count, unit, what)
    return Line(asked, label=label, detail=detail, unit=unit, timed=timed, net=net)


def _among(line: Line, groups: Groups) -> Line:
    """With what else could be chosen in its place: the plans of the same offering, or its group."""
    for name, rows in groups:
        if line.asked.item in dict(rows):
            return replace(line, heading=name, choices=rows)
    gone = line.asked.item
    return replace(line, heading=gone, choices=[(gone, gone)])


def _plan_line(
    asked: Asked, slug: str, plan_id: str, region: str, count: Decimal, hours: Decimal
) -> Line:
    offering = registry.get(slug).offering
    plan = {p.id: p for p in offering.plans if not p.retired}.get(plan_id)
    if plan is None:
        return Line(asked, error=_("This is not in the price list any more."))
    if count != count.to_integral_value():
        return Line(asked, error=_("Services come whole: write 1, 2, 3 …"))
    try:
        listed = queries.quote_for(offering, plan, region)
    except Unavailable as error:
        return Line(asked, error=error.text)
    on_spare = queries.quotes_of(offering, region, spot=True).get(plan_id)
    spot = asked.spot and on_spare is not None
    quote, other = (on_spare, listed) if spot and on_spare else (listed, on_spare)
    detail = ngettext("%(n)d node", "%(n)d nodes", plan.nodes) % {"n": plan.nodes}
    if asked.spot and not spot:
        detail = _("At list price: this plan does not run on spare capacity.")
    wanted = {"plan": plan.id} | ({"region": region} if region else {})
    return Line(
        replace(asked, spot=spot),
        ways=bool(offering.spot),
        label=_timed(count, f"{offering.name} {plan.id}", hours),
        detail=detail,
        net=quote.hourly.times(count * hours),
        other=other.hourly.times(count * hours) if other else None,
        order=f"{reverse('console:order', args=[slug])}?{urlencode(wanted | _way(spot))}",
    )


def _way(spot: bool) -> dict[str, str]:
    """As the order page takes it."""
    return {"spot": "1"} if spot else {}


def _timed(count: Decimal, what: str, hours: Decimal) -> str:
    params = {"count": number(count), "what": what, "hours": number(hours)}
    return _("%(count)s × %(what)s, %(hours)s hours") % params


def _counted(count: Decimal, unit: str, what: str) -> str:
    params = {"count": number(count), "unit": unit, "what": what}
    return _("%(count)s × %(unit)s: %(what)s") % params


def _number(text: str, most: Decimal) -> Decimal | None:
    try:
        found = Decimal(text)
    except InvalidOperation:
        return None
    exponent = found.as_tuple().exponent
    exact = isinstance(exponent, int) and exponent >= -6
    return found if exact and 0 <= found <= most else None


def _choices() -> Groups:
    """What can be chosen, in groups: plans by offering, then the rest by its group."""
    found = []
    for family in FAMILIES:
        for entry in registry.entries().values():
            if entry.offering.family == family:
                plans = pricelist.plans_of(entry)
                rows = [(f"{entry.offering.slug}/{p.plan.id}", p.plan.id) for p in plans]
                found.append((entry.offering.name, rows + _extras(entry.offering.price_class)))
    for group, classes in pricelist.other_classes().items():
        rows = [
            (f"{one}/{line.price.meter}", name)
            for one in classes
            for name, line in pricelist.named_rates_of(one)
        ]
        found.append((group_label(group), rows))
    return [choice for choice in found if choice[1]]


def _extras(price_class: str) -> list[tuple[str, str]]:
    """What an offering counts beside its plan."""
    lines = pricelist.rates_of(price_class)
    return [
        (f"{price_class}/{line.price.meter}", line.label)
        for line in lines
        if line.price.meter not in PLAN_METERS
    ]
