"""The public price list: by family, offering and plan, with everything else that has a price; as a
page and as CSV.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from django.core.paginator import Paginator
from django.utils.translation import gettext as _

from billing.pricebook import pricelist, queries, texts
from billing.pricebook.classes import class_label, group_label
from billing.pricebook.pricelist import PlanPrice, RateLine
from billing.pricebook.reserved import terms
from billing.spot import factors
from billing.spot import queries as spare
from portal.console.catalogue import FAMILIES
from services import registry
from services.regions import queries as regions
from services.spec import Entry

if TYPE_CHECKING:
    from billing.models import SpotFactor
    from billing.pricebook.pricing import Quote
    from billing.vat.decisions import VatRate
    from portal.tenancy.models import Organisation

FILTERS = ("q", "family", "region")
KINDS = ("plans", "rates", "history", "spot")
_FACTORS = 50


def plans(asked: Mapping[str, str], reader: Organisation | None = None) -> dict[str, Any]:
    """Context of console/prices.html, with the VAT of who reads it. `asked`: q, family, region."""
    query, family = asked.get("q", "").strip(), asked.get("family", "")
    entries = list(registry.entries().values())
    region, vat = _region(asked), pricelist.vat(reader)
    chosen = [entry for entry in entries if _matches(entry, query, family)]
    groups = [
        (key, name, [_offering(e, region, vat) for e in chosen if e.offering.family == key])
        for key, name in FAMILIES.items()
    ]
    counts = [
        (key.value, name, sum(e.offering.family == key for e in entries))
        for key, name in FAMILIES.items()
    ]
    return {
        **_frame("plans", query, region, vat),
        "terms": [(term.months // 12, term.discount_percent) for term in terms().values()],
        "family": family,
        "families": [count for count in counts if count[2]],
        "groups": [group for group in groups if group[2]],
        "total": len(entries),
        "hits": len(chosen),
    }


def rates(asked: Mapping[str, str], reader: Organisation | None = None) -> dict[str, Any]:
    """Context of console/rates.html: everything that has a price. `asked`: q, region."""
    query, region = asked.get("q", "").strip(), _region(asked)
    words = query.lower().split()
    groups = []
    for group, classes in pricelist.classes().items():
        name = group_label(group)
        rows = [
            row
            for one in classes
            if all(word in f"{class_label(one)} {name} {one}".lower() for word in words)
            for row in pricelist.named_rates_of(one, region)
        ]
        groups.append((name, rows))
    found = [group for group in groups if group[1]]
    hits = sum(len(rows) for _name, rows in found)
    frame = _frame("rates", query, region, pricelist.vat(reader))
    return {**frame, "groups": found, "hits": hits}


def history(asked: Mapping[str, str], reader: Organisation | None = None) -> dict[str, Any]:
    """Context of console/price_history.html. `asked`: class."""
    classes = pricelist.all_classes()
    chosen = asked.get("class", "")
    chosen = chosen if chosen in dict(classes) else ""
    return {
        **_frame("history", "", "", pricelist.vat(reader)),
        "classes": classes,
        "chosen": chosen,
        "name": class_label(chosen) if chosen else "",
        "versions": pricelist.versions(chosen) if chosen else [],
        "past": [] if chosen else pricelist.past_changes(),
    }


def spot(asked: Mapping[str, str], reader: Organisation | None = None) -> dict[str, Any]:
    """Context of console/spot_prices.html: plans on spare capacity beside list, and every factor
    that was set. `asked`: region, page.
    """
    region, vat = _region(asked), pricelist.vat(reader)
    rows = spare.said(region=region) if region else spare.said()
    found = Paginator(rows, _FACTORS).get_page(asked.get("page"))
    return {
        **_frame("spot", "", region, vat),
        "plans": spare.all_plans(region, vat),
        "found": found,
        "factors": [(row, _factor_scope(row)) for row in found],
        "floor": factors.floor() * 100,
        "query": {"region": region},
    }


def _factor_scope(row: SpotFactor) -> str:
    """What a factor is said for."""
    where = row.region or _("All regions")
    what = class_label(row.price_class) if row.price_class else _("everything")
    return f"{where} · {what}"


def _frame(tab: str, query: str, region: str, vat: VatRate) -> dict[str, Any]:
    """What both pages show around their tables."""
    return {
        "tab": tab,
        "query": query,
        "region": region,
        "regions": regions.regions(),
        "changes": pricelist.changes(),
        "valid_from": pricelist.valid_from(),
        "vat": texts.vat_label(vat),
    }


def _region(asked: Mapping[str, str]) -> str:
    code = asked.get("region", "")
    return code if code in {place.code for place in regions.regions()} else ""


def as_csv(kind: str, region: str) -> str:
    """The same as a table for programs: `plans`, `rates`, or `history` with all that ever held and
    is announced. Decimals have a point, amounts are net unless the column says otherwise.
    """
    out = io.StringIO()
    writer = csv.writer(out)
    rows = {"plans": _plan_rows, "rates": _rate_rows, "history": _version_rows, "spot": _spot_rows}[
        kind
    ]
    writer.writerows(rows(region))
    return out.getvalue()


def _matches(entry: Entry, query: str, family: str) -> bool:
    o = entry.offering
    if family and o.family != family:
        return False
    words = f"{o.name} {_(o.summary)} {o.slug} {FAMILIES[o.family]}".lower()
    return all(word in words for word in query.lower().split())


def _offering(entry: Entry, region: str, vat: VatRate) -> dict[str, Any]:
    return {"offering": entry.offering, "plans": pricelist.plans_of(entry, region, vat)}


def _plan_rows(region: str) -> Iterable[list[str]]:
    yield [
        *("family", "offering", "plan", "nodes", "vcpu_per_node", "memory_mib_per_node"),
        *("storage_gib_per_node", "currency", "hourly_net", "monthly_net", "monthly_gross"),
        *("vat_percent", "vat_country", "region", "spot_hourly_net"),
    ]
    for entry in registry.entries().values():
        on_spare = queries.quotes_of(entry.offering, region, spot=True)
        for row in pricelist.plans_of(entry, region):
            yield [*_plan_row(entry, row, region), _hourly(on_spare.get(row.plan.id))]


def _hourly(quote: Quote | None) -> str:
    """In this hour; empty for a plan that does not run on spare capacity."""
    return f"{quote.hourly.amount.normalize():f}" if quote else ""


def _plan_row(entry: Entry, row: PlanPrice, region: str) -> list[str]:
    plan, quote = row.plan, row.quote
    values = (
        *(entry.offering.family.value, entry.offering.slug, plan.id, plan.nodes, plan.vcpu),
        *(
            plan.memory_mib,
            plan.storage_gib,
            quote.currency,
            f"{quote.hourly.amount.normalize():f}",
        ),
        *(f"{quote.month.net.amount:f}", f"{quote.month.gross.amount:f}"),
        *(f"{quote.vat.percent:f}", quote.vat.country, region),
    )
    return [str(value) for value in values]


def _spot_rows(region: str) -> Iterable[list[str]]:
    """What spare capacity costs in this hour."""
    yield ["offering", "plan", "currency", "list_hourly_net", "spot_hourly_net", "factor", "region"]
    for row in spare.all_plans(region):
        amounts = (row.listed.hourly.amount, row.spot.hourly.amount, row.spot.spot_factor)
        yield [
            *(row.entry.offering.slug, row.plan.id, row.spot.currency),
            *(f"{amount:f}" for amount in amounts),
            region,
        ]


_RATE_COLUMNS = (
    *("price_class", "meter", "unit", "mode", "category", "from", "to", "currency"),
    *("unit_price_net", "free_quantity", "free_for", "valid_from", "valid_to", "region"),
)


def _rate_rows(region: str) -> Iterable[list[str]]:
    yield list(_RATE_COLUMNS)
    for classes in pricelist.classes().values():
        for price_class in classes:
            for line in pricelist.rates_of(price_class, region):
                yield from _tier_rows(line)


def _version_rows(region: str) -> Iterable[list[str]]:
    yield list(_RATE_COLUMNS)
    for price_class, _name in pricelist.all_classes():
        for line in pricelist.versions(price_class):
            if not region or line.price.region in ("", region):
                yield from _tier_rows(line)


def _tier_rows(line: RateLine) -> Iterable[list[str]]:
    """One row a tier."""
    price = line.price
    for tier in price.tiers:
        yield [
            *(price.price_class, price.meter, price.unit, price.mode, price.category),
            *(str(tier.get("from") or "0"), str(tier.get("to") or ""), price.currency),
            *(str(tier["unit_price"]), f"{price.free_quantity.normalize():f}", price.free_for),
            f"{price.valid_from:%F}",
            f"{price.valid_to:%F}" if price.valid_to else "",
            price.region,
        ]
