"""What the overview of a project shows."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.urls import reverse

from billing.pricebook import queries as prices
from portal.console import advice
from portal.console import operations as cards
from portal.console import outlook as looking
from portal.console.badges import BUSY
from portal.kernel.actor import Actor
from portal.kernel.money import HOURS_PER_MONTH, Money
from portal.tenancy import access
from portal.tenancy.permissions import Permission
from services import registry
from services.instances import queries
from services.instances.operations import operations_for
from services.instances.states import OPEN
from services.regions import queries as regions
from services.regions.queries import QuotaLine

if TYPE_CHECKING:
    from portal.tenancy.models import Project
    from services.instances.models import Instance

_SHOWN = 8
_COST = Permission.COST_VIEW
_STARTERS = ("postgresql", "redis", "object-storage")


def overview(actor: Actor, project: Project) -> dict[str, Any]:
    """Context of console/overview.html."""
    held = access.permissions_in(actor, project)
    sees = Permission.INSTANCE_VIEW in held
    rows = list(queries.instances_for(actor, project=project.slug)) if sees else []
    alive = [i for i in rows if i.delete_at is None]
    running = [i for i in alive if i.phase == "running"]
    hourly = sum((i.price_hourly or Decimal(0) for i in running), Decimal(0))
    recent = list(operations_for(actor, project=project.slug)[:6]) if sees else []
    shown = cards.cards(recent)
    return {
        "project": project,
        "services": [service_row(i) for i in alive[:_SHOWN]],
        "more": max(len(alive) - _SHOWN, 0),
        "total": len(alive),
        "running": len(running),
        "in_bin": len(rows) - len(alive),
        "ill": [i for i in alive if i.needs_attention or i.health in ("down", "degraded")],
        "monthly": Money(hourly * HOURS_PER_MONTH),
        "hourly": Money(hourly),
        "recent": shown,
        "busy": any(c.operation.state in OPEN for c in shown)
        or any(i.phase in BUSY for i in alive),
        "quota": fullest(regions.quotas_of(project)),
        "starters": _starters() if sees and not alive else [],
        "may_order": Permission.INSTANCE_CREATE in held,
        "may_change": Permission.INSTANCE_UPDATE in held,
        "may_invite": Permission.MEMBER_MANAGE in held,
        "sees_services": sees,
        "money": (lambda: looking.of_project(actor, project)) if _COST in held else None,
        "advice": advice.first(actor, project.organisation),
    }


def service_row(instance: Instance) -> dict[str, Any]:
    """A service as a row of a table."""
    offering = registry.get(instance.offering).offering
    price = instance.price_hourly
    return {
        "instance": instance,
        "offering": offering,
        "url": reverse("console:service", args=[instance.public_id]),
        "monthly": None if price is None else Money(price * HOURS_PER_MONTH),
    }


def fullest(lines: list[QuotaLine]) -> list[QuotaLine]:
    """The quotas with a limit, the fullest first."""
    limited = [line for line in lines if line.limit]
    return sorted(limited, key=lambda line: line.used / line.limit, reverse=True)[:4]


def _starters() -> list[dict[str, Any]]:
    known = registry.entries()
    quotes = prices.cheapest(slug for slug in _STARTERS if slug in known)
    return [
        {
            "offering": known[slug].offering,
            "quote": quotes.get(slug),
            "url": reverse("console:order", args=[slug]),
        }
        for slug in _STARTERS
        if slug in known
    ]
