"""The public price list: by family, offering and plan, with everything else that has a price; as a
page and as CSV.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.translation import gettext as _

from billing import pricelist, texts
from billing.classes import class_label, group_label
from billing.pricelist import PlanPrice, RateLine
from portal.console.catalogue import FAMILIES
from services import registry
from services.regions import queries as regions
from services.spec import Entry, Family

FILTERS = ("q", "family", "region")
KINDS = ("plans", "rates")


def page(asked: Mapping[str, str]) -> dict[str, Any]:
    """Context of console/prices.html. `asked`: q, family, region."""
    query, family = asked.get("q", "").strip(), asked.get("family", "")
    places = regions.regions()
    region = asked.get("region", "") if asked.get("region") in {p.code for p in places} else ""
    entries = list(registry.entries().values())
    offerings = [_offering(e, region) for e in entries if _matches(e, query, family)]
    groups = [(key, name, [o for o in offerings if o["family"] == key]) for key, name in _sorted()]
    others = [] if family else _others(query, region)
    return {
        "query": query,
        "family": family,
        "region": region,
        "regions": places,
        "families": [
            (key.value, name, sum(e.offering.family == key for e in entries))
            for key, name in _sorted()
            if any(e.offering.family == key for e in entries)
        ],
        "groups": [group for group in groups if group[2]],
        "others": others,
        "total": len(entries),
        "hits": len(offerings) + sum(len(rows) for _name, rows in others),
        "changes": pricelist.changes(),
        "valid_from": pricelist.valid_from(),
        "vat": texts.vat_label(pricelist.vat()),
    }


def as_csv(kind: str, region: str) -> str:
    """The same as a table for programs: `plans` or `rates`. Decimals have a point, amounts are net
    unless the column says otherwise.
    """
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerows(_plan_rows(region) if kind == "plans" else _rate_rows(region))
    return out.getvalue()


def _sorted() -> Iterable[tuple[Family, Any]]:
    return FAMILIES.items()


def _matches(entry: Entry, query: str, family: str) -> bool:
    o = entry.offering
    if family and o.family != family:
        return False
    words = f"{o.name} {_(o.summary)} {o.slug} {FAMILIES[o.family]}".lower()
    return all(word in words for word in query.lower().split())


def _offering(entry: Entry, region: str) -> dict[str, Any]:
    lines = pricelist.rates_of(entry.offering.price_class, region)
    return {
        "offering": entry.offering,
        "family": entry.offering.family,
        "plans": pricelist.plans_of(entry, region),
        "rates": lines,
    }


def _others(query: str, region: str) -> list[tuple[str, list[tuple[str, RateLine]]]]:
    """Group by group, (name, rate)."""
    found = []
    for group, classes in pricelist.other_classes().items():
        name = group_label(group)
        rows = [
            row
            for one in classes
            if all(w in f"{class_label(one)} {name} {one}".lower() for w in query.lower().split())
            for row in pricelist.named_rates_of(one, region)
        ]
        if rows:
            found.append((name, rows))
    return found


def _plan_rows(region: str) -> Iterable[list[str]]:
    yield [
        *("family", "offering", "plan", "nodes", "vcpu_per_node", "memory_mib_per_node"),
        *("storage_gib_per_node", "currency", "hourly_net", "monthly_net", "monthly_gross"),
        *("vat_percent", "vat_country", "region"),
    ]
    for entry in registry.entries().values():
        for row in pricelist.plans_of(entry, region):
            yield _plan_row(entry, row, region)


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


def _rate_rows(region: str) -> Iterable[list[str]]:
    yield [
        *("price_class", "meter", "unit", "mode", "category", "from", "to", "currency"),
        *("unit_price_net", "free_quantity", "free_for", "valid_from", "valid_to", "region"),
    ]
    classes = {e.offering.price_class for e in registry.entries().values()}
    classes.update(one for group in pricelist.other_classes().values() for one in group)
    for price_class in sorted(classes):
        for line in pricelist.rates_of(price_class, region):
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
