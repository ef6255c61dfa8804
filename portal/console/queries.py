"""Reads of what the console remembers for a person."""

from __future__ import annotations

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from portal.console.models import SavedView
from portal.kernel.actor import Actor
from portal.kernel.errors import NotFound
from portal.tenancy.models import Project

_Room = SavedView.Room


def views_for(actor: Actor, project: Project) -> list[SavedView]:
    """A person's saved views of the list of services in a project, by name. One query."""
    return list(_of(actor, project).filter(room=_Room.SERVICES).order_by("name"))


def cost_views_for(actor: Actor, project: Project) -> list[SavedView]:
    """A person's saved views of the costs, and those that others share, by name. One query."""
    mine = Q(user_id=actor.user_id) if actor.user_id is not None else Q(pk__in=[])
    rows = SavedView.objects.filter(mine | Q(is_shared=True), project=project, room=_Room.COSTS)
    return list(rows.select_related("user").order_by("name", "pk"))


def view_for(actor: Actor, project: Project, public_id: str) -> SavedView:
    """Raises: NotFound, also for somebody else's."""
    found = _of(actor, project).filter(public_id=public_id).first()
    if found is None:
        raise NotFound(
            _("There is no such view in this project, or it is somebody else's."),
            hint=_("Choose one of the tabs above the list of services."),
        )
    return found


def _of(actor: Actor, project: Project) -> QuerySet[SavedView]:
    """Only people have any."""
    if actor.user_id is None:
        return SavedView.objects.none()
    return SavedView.objects.filter(user_id=actor.user_id, project=project)
