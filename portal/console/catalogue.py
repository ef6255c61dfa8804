"""The catalogue as a page: families, search, what can be ordered here and what it costs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from billing import queries as prices
from billing.formats import money
from billing.pricing import Quote
from services.instances import queries
from services.regions import queries as regions
from services.spec import Entry, Family, promised_availability

FAMILIES = {
    Family.CONTAINERS: gettext_lazy("Containers"),
    Family.DATABASES: gettext_lazy("Databases"),
    Family.ANALYTICS: gettext_lazy("Data and analytics"),
    Family.AI: gettext_lazy("Machine learning and AI"),
    Family.INTEGRATION: gettext_lazy("Messaging and integration"),
    Family.DEVTOOLS: gettext_lazy("Developer tools"),
    Family.SERVERLESS: gettext_lazy("Serverless"),
    Family.IOT: gettext_lazy("IoT and edge"),
    Family.BLOCKCHAIN: gettext_lazy("Blockchain"),
}


def catalogue(asked: Mapping[str, str]) -> dict[str, Any]:
    """Context of console/catalogue.html. `asked`: q, family, here."""
    everything = queries.catalogue()
    places = regions.regions()
    quotes = prices.cheapest(e.offering.slug for e in everything)
    query, family = asked.get("q", "").strip(), asked.get("family", "")
    here = asked.get("here") == "1"
    tiles = [_tile(e, places, quotes) for e in everything if _matches(e, query, family)]
    if here:
        tiles = [t for t in tiles if not t["reason"]]
    groups = [
        (key, name, [t for t in tiles if t["offering"].family == key])
        for key, name in FAMILIES.items()
    ]
    counts = [
        (key.value, name, sum(e.offering.family == key for e in everything))
        for key, name in FAMILIES.items()
    ]
    return {
        "query": query,
        "family": family,
        "here": here,
        "total": len(everything),
        "hits": len(tiles),
        "families": [c for c in counts if c[2]],
        "groups": [g for g in groups if g[2]],
    }


def _matches(entry: Entry, query: str, family: str) -> bool:
    o = entry.offering
    if family and o.family != family:
        return False
    words = f"{o.name} {_(o.summary)} {o.slug} {FAMILIES[o.family]}".lower()
    return all(word in words for word in query.lower().split())


def _tile(entry: Entry, places: list[Any], quotes: Mapping[str, Quote]) -> dict[str, Any]:
    offering = entry.offering
    found = [regions.orderable(entry, place) for place in places]
    fine = [f for f in found if f.ok]
    quote = quotes.get(offering.slug)
    price = _("from %(price)s/month") % {"price": money(quote.month.net)} if quote else ""
    return {
        "offering": offering,
        "url": reverse("console:offering", args=[offering.slug]),
        "price": price,
        "where": " · ".join(f.region.name for f in fine),
        "reason": "" if fine else (found[0].reason if found else _("No region is open.")),
        "tag": _("Popular") if offering.popular else "",
    }


def offering(entry: Entry) -> dict[str, Any]:
    """Context of console/offering.html."""
    o = entry.offering
    places = regions.regions()
    first = places[0] if places else None
    quotes = prices.quotes_of(o, first.code if first else "")
    plans = [
        {
            "plan": plan,
            "quote": quotes.get(plan.id),
            "sla": promised_availability(o, plan),
            "where": _where(entry, places, plan),
        }
        for plan in o.plans
        if not plan.retired
    ]
    found = [regions.orderable(entry, place) for place in places]
    return {
        "entry": entry,
        "offering": o,
        "family": FAMILIES[o.family],
        "plans": plans,
        "places": found,
        "orderable": any(f.ok for f in found),
        "guide": _guide(entry),
    }


def _where(entry: Entry, places: list[Any], plan: Any) -> list[regions.Orderable]:
    return [regions.orderable(entry, place, plan) for place in places]


def _guide(entry: Entry) -> str:
    path = entry.folder / "guide.md"
    return path.read_text() if path.exists() else ""
