"""Lists with search, filters and pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.core.paginator import Paginator

from portal.console import operations as cards
from portal.console.overview import service_row
from portal.kernel.actor import Actor
from portal.tenancy import access
from portal.tenancy.permissions import Permission
from services.instances import queries
from services.instances.states import OperationState, Phase

if TYPE_CHECKING:
    from portal.tenancy.models import Project

_PER_PAGE = 50


def services(actor: Actor, project: Project, asked: Mapping[str, str]) -> dict[str, Any]:
    """Context of console/services.html. `asked`: q, offering, phase, page."""
    access.require(actor, project, Permission.INSTANCE_VIEW)
    phase = asked.get("phase", "")
    rows = queries.instances_for(
        actor,
        project=project.slug,
        offering=asked.get("offering") or None,
        phase=phase if phase in Phase.values else None,
        search=_plain(asked.get("q", "")) or None,
    )
    found = Paginator(rows, _PER_PAGE).get_page(asked.get("page"))
    return {
        "project": project,
        "query": asked.get("q", ""),
        "chosen_offering": asked.get("offering", ""),
        "chosen_phase": phase,
        "filtered": any(asked.get(k) for k in ("q", "offering", "phase")),
        "found": found,
        "rows": [service_row(instance) for instance in found],
        "offerings": [e.offering for e in queries.catalogue()],
        "phases": Phase.choices,
        "may_order": Permission.INSTANCE_CREATE in access.permissions_in(actor, project),
    }


def operations(actor: Actor, project: Project, asked: Mapping[str, str]) -> dict[str, Any]:
    """Context of console/operations.html. `asked`: state, page."""
    access.require(actor, project, Permission.OPERATION_VIEW)
    state = asked.get("state", "")
    rows = queries.operations_for(
        actor,
        project=project.slug,
        state=state if state in OperationState.values else None,
    )
    found = Paginator(rows, _PER_PAGE).get_page(asked.get("page"))
    shown = cards.cards(found)
    return {
        "project": project,
        "chosen_state": state,
        "states": OperationState.choices,
        "found": found,
        "cards": shown,
        "poll": min((c.poll for c in shown if c.poll), default=0),
    }


def _plain(text: str) -> str:
    """PostgreSQL stores no NUL, so nothing can match one."""
    return text.replace("\0", "").strip()
