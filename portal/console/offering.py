"""The page of an offering: what it is, plans, versions, places, guide. Public."""

from __future__ import annotations

from typing import Any

from billing import queries as prices
from portal.console.catalogue import FAMILIES
from services.regions import queries as regions
from services.spec import Entry, promised_availability


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


def _guide(entry: Entry) -> str:
    path = entry.folder / "guide.md"
    return path.read_text() if path.exists() else ""
