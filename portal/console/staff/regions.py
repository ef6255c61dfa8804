"""Regions and engines, as staff sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.urls import reverse
from django.utils.translation import gettext as _

from portal.console.staff import clusters
from portal.kernel.actor import Actor
from services import registry
from services.instances import engines, machine, oversight, workers
from services.instances.states import Phase
from services.instances.texts import error_text
from services.regions import breaker, prober_keys
from services.regions import oversight as places
from services.regions import queries as regions_queries
from services.regions.texts import fault_text, reason_text

if TYPE_CHECKING:
    from services.regions.models import Region

_POLL_SECONDS = 2


def regions(actor: Actor) -> dict[str, Any]:
    """Context of console/staff/regions.html."""
    found = places.regions(actor)
    open_ones = oversight.open_operations_by_region(actor)
    counts = {region.pk: oversight.counts_by_phase(actor, region_id=region.pk) for region in found}
    return {
        "rows": [
            (region, health(region), sum(counts[region.pk].values()), open_ones.get(region.pk, 0))
            for region in found
        ]
    }


def health(region: Region) -> dict[str, Any]:
    """How the backend is, in words: `tone` and `word` for a badge, and why."""
    waiting = breaker.waiting_seconds(region)
    if region.status == "off":
        tone, word = "hollow", _("Off")
    elif region.checked_at is None:
        tone, word = "hollow", _("Not looked at yet")
    elif not region.healthy:
        tone, word = "bad", _("Does not answer")
    else:
        tone, word = ("degraded", _("Resting")) if waiting else ("ok", _("Answers"))
    fault, hint = fault_text(region.detail) if tone == "bad" else ("", "")
    said = ": ".join(filter(None, (region.detail, region.facts.get("said", ""))))
    return {
        "tone": tone,
        "word": word,
        "waiting": waiting,
        "why": said,
        "fault": fault if fault != region.detail else "",
        "hint": hint,
    }


def region(actor: Actor, found: Region) -> dict[str, Any]:
    """Context of console/staff/region.html."""
    phases = oversight.counts_by_phase(actor, region_id=found.pk)
    local = machine.machine(actor) if found.backend == "process" else None
    offerings = [
        (entry.offering, regions_queries.orderable(entry, found)) for entry in registry.catalogue()
    ]
    return {
        "region": found,
        "health": health(found),
        "capacity": places.capacity(actor, found),
        "phases": [(phase.label, phases[phase]) for phase in Phase if phase in phases],
        "machine": local,
        "engines_here": _engines_here(actor) if local else None,
        "cluster": clusters.cluster(found) if found.backend == "kubernetes" else None,
        "prober_keys": list(prober_keys.prober_keys(actor, found)),
        "orderable": [offering for offering, answer in offerings if answer.ok],
        "obstacles": [
            (offering, " ".join(reason_text(answer.code, answer.params, to_staff=True)))
            for offering, answer in offerings
            if not answer.ok
        ],
        "open": oversight.open_operations_by_region(actor).get(found.pk, 0),
        "crumbs": [(_("Regions"), reverse("console:staff-regions"))],
    }


def _engines_here(actor: Actor) -> tuple[int, int]:
    """How many are here, of how many."""
    rows = engines.rows(actor)
    return sum(row.state in ("installed", "found") for row in rows), len(rows)


def queue(actor: Actor, found: Region) -> dict[str, Any]:
    """Context of the fragment `queue`: what the broker and the workers say now."""
    return {"region": found, "queue": workers.queue(actor, found.code)}


def engine_list(actor: Actor) -> dict[str, Any]:
    """Context of console/staff/engines.html."""
    rows = engines.rows(actor)
    return {
        "rows": [
            (row, error_text(row.code, {}) if row.state == "failed" else None) for row in rows
        ],
        "here": sum(row.state in ("installed", "found") for row in rows),
        "mib": sum(row.engine.size_mib for row in rows if row.state == "installed"),
        "poll": _POLL_SECONDS if any(row.busy for row in rows) else 0,
    }
