"""What the overview of a project shows."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from billing import queries as prices
from portal.kernel.actor import Actor
from portal.kernel.money import HOURS_PER_MONTH, Money
from portal.tenancy import access
from portal.tenancy.models import Project
from portal.tenancy.permissions import Permission
from services import registry
from services.instances import queries
from services.regions import queries as regions
from services.regions.queries import QuotaLine

_SHOWN = 8
_STARTERS = ("postgresql", "redis", "object-storage")


def overview(actor: Actor, project: Project) -> dict[str, Any]:
    """Context of console/overview.html."""
    held = access.permissions_in(actor, project)
    sees = Permission.INSTANCE_VIEW in held
    rows = list(queries.instances_for(actor, project=project.slug)) if sees else []
    alive = [i for i in rows if i.delete_at is None]
    running = [i for i in alive if i.phase == "running"]
    hourly = sum((i.price_hourly or Decimal(0) for i in running), Decimal(0))
    operations = list(queries.operations_for(actor, project=project.slug)[:6]) if sees else []
    return {
        "project": project,
        "instances": alive[:_SHOWN],
        "more": max(len(alive) - _SHOWN, 0),
        "total": len(alive),
        "running": len(running),
        "in_bin": len(rows) - len(alive),
        "attention": [i for i in alive if i.needs_attention or i.health in ("down", "degraded")],
        "hourly": Money(hourly),
        "monthly": Money(hourly * HOURS_PER_MONTH),
        "operations": operations,
        "quota": fullest(regions.quotas_of(project)),
        "starters": _starters() if not alive else [],
        "may_order": Permission.INSTANCE_CREATE in held,
        "sees_services": sees,
    }


def fullest(lines: list[QuotaLine]) -> list[QuotaLine]:
    """The quotas with a limit, the fullest first."""
    limited = [line for line in lines if line.limit]
    return sorted(limited, key=lambda line: line.used / line.limit, reverse=True)[:4]


def _starters() -> list[dict[str, Any]]:
    found = registry.entries()
    offerings = [found[slug].offering for slug in _STARTERS if slug in found]
    quotes = prices.cheapest(o.slug for o in offerings)
    return [{"offering": o, "quote": quotes.get(o.slug)} for o in offerings]
