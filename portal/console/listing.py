"""The list of operations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.core.paginator import Paginator

from portal.console import operations as cards
from portal.kernel.actor import Actor
from portal.tenancy import access
from portal.tenancy.permissions import Permission
from services.instances import texts
from services.instances.operations import askers_in, operations_for, running_first
from services.instances.states import Kind, OperationState

if TYPE_CHECKING:
    from portal.tenancy.models import Project

_PER_PAGE = 50
_FILTERS = ("state", "kind", "service", "who")


def operations(actor: Actor, project: Project, asked: Mapping[str, str]) -> dict[str, Any]:
    """Context of console/operations.html. `asked`: state, kind, service, who, page."""
    access.require(actor, project, Permission.OPERATION_VIEW)
    chosen = {name: asked.get(name, "").replace("\0", "").strip() for name in _FILTERS}
    rows = operations_for(
        actor,
        project=project.slug,
        state=chosen["state"] if chosen["state"] in OperationState.values else None,
        kind=chosen["kind"] if chosen["kind"] in Kind.values else None,
        service=chosen["service"] or None,
        asked_by=chosen["who"] or None,
    )
    found = Paginator(running_first(rows), _PER_PAGE).get_page(asked.get("page"))
    shown = cards.cards(found)
    return {
        "project": project,
        "chosen": chosen,
        "filtered": any(chosen.values()),
        "states": OperationState.choices,
        "kinds": [(kind, texts.kind_label(kind)) for kind in Kind.values],
        "people": askers_in(actor, project),
        "found": found,
        "cards": shown,
        "poll": min((c.poll for c in shown if c.poll), default=0),
    }
