"""The catalogue: offerings with plans and prices, and the regions they run in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from billing.pricebook import queries as billing
from portal.api.serializers.common import (
    BOOLEAN,
    DAY,
    DECIMAL,
    FREE,
    INTEGER,
    TEXT,
    Json,
    decimal,
    many,
    maybe,
    number,
    one_of,
    ref,
    shape,
)
from portal.api.serializers.common import price as price_shape
from services import parameters
from services.regions.queries import orderable
from services.spec import Capability, Family, VersionStatus, gettext_noop, promised_availability

if TYPE_CHECKING:
    from billing.pricebook.pricing import Quote
    from services.regions.models import Region
    from services.spec import Entry, Offering, Plan

SCHEMAS: dict[str, Json] = {
    "Version": shape(
        {
            "id": TEXT,
            "status": one_of(*VersionStatus),
            "default": BOOLEAN,
            "ends_on": maybe(DAY),
        }
    ),
    "Plan": shape(
        {
            "id": TEXT,
            "name": TEXT,
            "nodes": INTEGER,
            "vcpu": {"type": "number"},
            "memory_mib": INTEGER,
            "storage_gib": INTEGER,
            "ha": BOOLEAN,
            "price": maybe(ref("RunningPrice")),
            "spot_price": {
                **maybe(ref("RunningPrice")),
                "description": gettext_noop("In this hour, where it may run on spare capacity."),
            },
            "sla": DECIMAL,
        }
    ),
    "Meter": shape({"code": TEXT, "unit": TEXT}),
    "Orderable": shape({"region": TEXT, "orderable": BOOLEAN, "reason": TEXT, "hint": TEXT}),
    "Offering": shape(
        {
            "slug": TEXT,
            "name": TEXT,
            "family": one_of(*Family),
            "summary": TEXT,
            "description": TEXT,
            "versions": many(ref("Version")),
            "plans": many(ref("Plan")),
            "parameters": {**FREE, "description": gettext_noop("A JSON Schema of the parameters.")},
            "capabilities": many(one_of(*Capability)),
            "meters": many(ref("Meter")),
            "regions": many(ref("Orderable")),
            "licence": TEXT,
            "data_location": {
                "type": "string",
                "description": gettext_noop(
                    "Countries (ISO 3166) of the regions in which it can be ordered."
                ),
            },
        }
    ),
    "Region": shape(
        {
            "code": TEXT,
            "name": TEXT,
            "country": TEXT,
            "backend": TEXT,
            "status": one_of("open", "closed"),
            "healthy": BOOLEAN,
        }
    ),
}


def offering(entry: Entry, regions: Sequence[Region]) -> Json:
    """One entry of the catalogue; no query but the price list's."""
    offer = entry.offering
    places = [orderable(entry, region) for region in regions]
    quotes, spot = billing.quotes_of(offer, ""), billing.quotes_of(offer, "", spot=True)
    return {
        "slug": offer.slug,
        "name": offer.name,
        "family": offer.family.value,
        "summary": _(offer.summary),
        "description": _(offer.description),
        "versions": [
            {
                "id": version.id,
                "status": version.status.value,
                "default": version.id == offer.default_version,
                "ends_on": version.ends_on.isoformat() if version.ends_on else None,
            }
            for version in offer.versions
        ],
        "plans": [_plan(offer, plan, quotes, spot) for plan in offer.plans if not plan.retired],
        "parameters": parameters.json_schema(offer),
        "capabilities": _capabilities(entry),
        "meters": [{"code": meter.code, "unit": meter.unit} for meter in offer.meters],
        "regions": [
            {"region": p.region.code, "orderable": p.ok, "reason": p.reason, "hint": p.hint}
            for p in places
        ],
        "licence": offer.licence,
        "data_location": ", ".join(sorted({p.region.country for p in places if p.ok})),
    }


def region(row: Region) -> Json:
    return {
        "code": row.code,
        "name": row.name,
        "country": row.country,
        "backend": row.backend,
        "status": row.status,
        "healthy": row.healthy,
    }


def _plan(
    offer: Offering, plan: Plan, quotes: Mapping[str, Quote], spot: Mapping[str, Quote]
) -> Json:
    quote, spare = quotes.get(plan.id), spot.get(plan.id)
    return {
        "id": plan.id,
        "name": _plan_name(plan),
        "nodes": plan.nodes,
        "vcpu": number(plan.vcpu),
        "memory_mib": plan.memory_mib,
        "storage_gib": plan.storage_gib,
        "ha": plan.ha,
        "price": price_shape(quote.hourly.amount, quote.currency) if quote else None,
        "spot_price": price_shape(spare.hourly.amount, spare.currency) if spare else None,
        "sla": decimal(promised_availability(offer, plan)),
    }


def _plan_name(plan: Plan) -> str:
    """`Single, 2 vCPU, 8 GiB`; of one node."""
    kinds = {"dev": _("Development"), "single": _("Single"), "ha": _("Highly available")}
    kind = plan.id.partition("-")[0]
    return _("%(kind)s, %(vcpu)s vCPU, %(memory)s GiB") % {
        "kind": kinds.get(kind, kind),
        "vcpu": number(plan.vcpu),
        "memory": f"{plan.memory_mib / 1024:g}",
    }


def _capabilities(entry: Entry) -> list[str]:
    """What it can do somewhere."""
    return sorted(capability.value for capability in entry.capabilities)
