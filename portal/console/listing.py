"""The list of operations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.core.paginator import Paginator

from portal.console import operations as cards
from portal.kernel.actor import Actor
from portal.tenancy import access
from portal.tenancy.permissions import Permission
from services.instances import queries
from services.instances.states import OperationState

if TYPE_CHECKING:
    from portal.tenancy.models import Project

_PER_PAGE = 50


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
