"""The catalogue as a page: families, search, filters, what can be ordered here and what it costs.

Public: nothing here asks who is reading.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from billing.pricebook import queries as prices
from services import registry
from services.instances import eta
from services.regions import queries as regions
from services.spec import Entry, Family, promised_availability

if TYPE_CHECKING:
    from billing.pricebook.pricing import Quote
    from services.regions.models import Region
    from services.regions.queries import Orderable

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
FILTERS = ("q", "family", "here", "ha", "free")


@dataclass(frozen=True, slots=True)
class Tile:
    """An offering as the catalogue shows it. `reason` and `hint`: why not here, and what to do.

    `ready_seconds` is the median of past orders; `promise` the highest of the plans that can be
    had; `ha` whether one of these is highly available.
    """

    entry: Entry
    url: str
    where: str
    quote: Quote | None
    ready_seconds: float | None
    promise: Decimal
    ha: bool
    reason: str = ""
    hint: str = ""

    @property
    def offering(self) -> Any:
        return self.entry.offering


def catalogue(asked: Mapping[str, str]) -> dict[str, Any]:
    """Context of console/catalogue.html. `asked`: q, family, here, ha, free."""
    everything = _tiles(registry.catalogue(), regions.regions())
    family = asked.get("family", "")
    fitting = [tile for tile in everything if _fits(tile, asked)]
    shown = [tile for tile in fitting if family in ("", tile.offering.family)]
    groups = [
        (key.value, name, [t for t in shown if t.offering.family == key])
        for key, name in FAMILIES.items()
    ]
    counts = [
        (key.value, name, sum(t.offering.family == key for t in everything))
        for key, name in FAMILIES.items()
    ]
    return {
        "query": asked.get("q", ""),
        "family": family,
        "switches": [
            ("here", _("Available here"), asked.get("here") == "1"),
            ("ha", _("High availability"), asked.get("ha") == "1"),
            ("free", _("Free software licence"), asked.get("free") == "1"),
        ],
        "total": len(everything),
        "hits": len(shown),
        "elsewhere": len(fitting) if not shown else 0,
        "families": [c for c in counts if c[2]],
        "groups": [g for g in groups if g[2]],
    }


def _fits(tile: Tile, asked: Mapping[str, str]) -> bool:
    """Whether a tile passes all filters but that of the family."""
    o = tile.offering
    words = f"{o.name} {_(o.summary)} {o.slug} {FAMILIES[o.family]} {o.licence}".lower()
    return (
        all(word in words for word in asked.get("q", "").lower().split())
        and (asked.get("here") != "1" or not tile.reason)
        and (asked.get("ha") != "1" or tile.ha)
        and (asked.get("free") != "1" or o.free_software)
    )


def _tiles(entries: Sequence[Entry], places: Sequence[Region]) -> list[Tile]:
    """One query, for how long orders take."""
    quotes = prices.cheapest(e.offering.slug for e in entries)
    usual = usual_seconds(entries, places)
    return [
        _tile(entry, places, quotes.get(entry.offering.slug), usual.get(entry.offering.slug))
        for entry in entries
    ]


def usual_seconds(entries: Sequence[Entry], places: Sequence[Region]) -> dict[str, float]:
    """By slug, how long an order usually takes where it is quickest. What nobody knows is left out,
    and nothing is said to take less than a second.
    """
    sorts = [("create", e.offering.slug, p.pk) for e in entries for p in places]
    found: dict[str, float] = {}
    for (_kind, slug, _place), seconds in eta.usual_seconds(sorts).items():
        if seconds is not None:
            found[slug] = max(1, min(seconds, found.get(slug, seconds)))
    return found


def _tile(
    entry: Entry, places: Sequence[Region], quote: Quote | None, ready_seconds: float | None
) -> Tile:
    offering = entry.offering
    found = [regions.orderable(entry, place) for place in places]
    fine = [f.region for f in found if f.ok]
    plans = [
        plan
        for plan in offering.plans
        if any(regions.orderable(entry, place, plan).ok for place in fine)
    ] or [plan for plan in offering.plans if not plan.retired]
    reason, hint = ("", "") if fine else why_not(found)
    return Tile(
        entry,
        reverse("console:offering", args=[offering.slug]),
        " · ".join(place.name for place in fine),
        quote,
        ready_seconds,
        max(promised_availability(offering, plan) for plan in plans),
        any(plan.ha for plan in plans) and bool(fine),
        reason,
        hint,
    )


def why_not(found: Sequence[Orderable]) -> tuple[str, str]:
    """(reason, hint) of an offering that can be ordered nowhere."""
    if not found:
        return _("No region is open."), _("Ask the provider when one opens.")
    return found[0].reason, found[0].hint
