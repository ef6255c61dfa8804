"""Writes of what the console remembers for a person. It changes nothing, so it is not audited."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from portal.console.models import SavedView
from portal.kernel.actor import Actor
from portal.kernel.errors import Conflict, Invalid, NotPermitted
from portal.tenancy import access
from portal.tenancy.models import Project
from portal.tenancy.permissions import Permission

MOST_VIEWS = 20
_Room = SavedView.Room


@transaction.atomic
def save_view(
    *, actor: Actor, project: Project, name: str, query: str, is_default: bool = False
) -> SavedView:
    """Keeps filters of the list of services under `name`; a view of that name shows the new ones
    from now on. Raises: NotPermitted, Invalid, Conflict when there are too many.
    """
    access.require(actor, project, Permission.INSTANCE_VIEW)
    view = _keep(actor, project, _Room.SERVICES, name, query)
    if is_default:
        _open_first(view)
    return view


@transaction.atomic
def save_cost_view(
    *, actor: Actor, project: Project, name: str, query: str, is_shared: bool = False
) -> SavedView:
    """The same of the costs; one that is shared is seen by everybody in the project.

    Raises: NotPermitted, Invalid, Conflict when there are too many.
    """
    access.require(actor, project, Permission.COST_VIEW)
    view = _keep(actor, project, _Room.COSTS, name, query)
    view.is_shared = is_shared
    view.save(update_fields=["is_shared"])
    return view


def _keep(actor: Actor, project: Project, room: str, name: str, query: str) -> SavedView:
    name = _name(name)
    if not query:
        raise Invalid({"view": _("Choose filters first: a view without any shows everything.")})
    if len(query) > 500:
        raise Invalid({"view": _("These filters are too long to be kept.")})
    mine = SavedView.objects.filter(user_id=_user(actor), project=project, room=room)
    if mine.exclude(name=name).count() >= MOST_VIEWS:
        raise Conflict(
            _("There are %(most)s saved views already.") % {"most": MOST_VIEWS},
            hint=_("Delete one that you do not use."),
        )
    view, _new = mine.update_or_create(
        name=name,
        defaults={"query": query},
        create_defaults={
            "query": query,
            "user_id": _user(actor),
            "project": project,
            "room": room,
        },
    )
    return view


@transaction.atomic
def change_view(*, actor: Actor, view: SavedView, name: str, is_default: bool) -> SavedView:
    """Another name, and whether it is opened first. Raises: NotPermitted, Invalid."""
    _demand_mine(actor, view)
    name = _name(name)
    others = SavedView.objects.filter(
        user_id=view.user_id, project_id=view.project_id, room=view.room
    )
    if others.filter(name=name).exclude(pk=view.pk).exists():
        raise Invalid({"view": _("You have a view called “%(name)s” already.") % {"name": name}})
    view.name, view.is_default = name, False
    view.save(update_fields=["name", "is_default"])
    if is_default:
        _open_first(view)
    return view


@transaction.atomic
def delete_view(*, actor: Actor, view: SavedView) -> None:
    """The filters are forgotten; services are not touched. Raises: NotPermitted."""
    _demand_mine(actor, view)
    view.delete()


def _open_first(view: SavedView) -> None:
    SavedView.objects.filter(
        user_id=view.user_id, project_id=view.project_id, room=view.room, is_default=True
    ).update(is_default=False)
    view.is_default = True
    view.save(update_fields=["is_default"])


def _name(name: str) -> str:
    name = " ".join(name.replace("\0", "").split())
    if not 1 <= len(name) <= 40:
        raise Invalid({"view": _("Give the view a name of 1 to 40 characters.")})
    return name


def _user(actor: Actor) -> int:
    if actor.user_id is None:
        raise NotPermitted(_("Only people have saved views."))
    return actor.user_id


def _demand_mine(actor: Actor, view: SavedView) -> None:
    if view.user_id != _user(actor):
        raise NotPermitted(_("This view belongs to somebody else."))
