"""Reads of what the console remembers for a person."""

from __future__ import annotations

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from portal.console.models import SavedView
from portal.kernel.actor import Actor
from portal.kernel.errors import NotFound
from portal.tenancy.models import Project


def views_for(actor: Actor, project: Project) -> list[SavedView]:
    """The saved views of a person in a project, by name. One query."""
    return list(_of(actor, project).order_by("name"))


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
