"""Usage as staff sees it: what reports none, what contradicts itself, what came too late, and the
keys of meters.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.paginator import Paginator
from django.utils.translation import gettext as _

from billing.pricebook.meters import METERS
from billing.usage import meter_keys, quarantine, silence
from portal.kernel.actor import Actor
from portal.tenancy import oversight as customers

_MOST = 50


def overview(
    actor: Actor,
    page: str | None,
    sent: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Context of console/staff/usage.html; tenants whose services it names are told."""
    found = Paginator(quarantine.open_conflicts(actor), _MOST).get_page(page)
    conflicts, silent = list(found), list(silence.silent_for(actor)[: _MOST + 1])
    named = [row.instance for row in conflicts] + [row.instance for row in silent[:_MOST]]
    customers.note_looks(actor, {i.project.organisation.slug for i in named}, seen="services")
    return {
        "silent": silent[:_MOST],
        "more_silent": len(silent) > _MOST,
        "found": found,
        "conflicts": [(row, _said(row.kept), _said(row.payload)) for row in conflicts],
        "months": list(quarantine.months_to_correct(actor)[:_MOST]),
        "meters": list(meter_keys.meter_keys(actor)),
        "sent": sent or {},
        "errors": errors or {},
    }


def _said(content: Mapping[str, str]) -> list[str]:
    """What an event says, in lines for a person."""
    meter = METERS.get(content["meter"])
    label = _(meter.label) if meter else content["meter"]
    return [
        f"{label}: {content['quantity']}",
        f"{content['start'][:16].replace('T', ' ')} – {content['end'][:16].replace('T', ' ')}",
        content["instance"],
    ]
