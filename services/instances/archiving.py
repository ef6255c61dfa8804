"""Archiving what owns services: refused while there are any, those in the bin included.

The project's row is locked, here and by orders (`opening.hold_project`): an order that is under way
is either seen, or finds the project archived.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from portal.kernel.actor import Actor
from portal.kernel.errors import Conflict
from portal.tenancy import access, archiving
from portal.tenancy.models import Organisation, Project
from portal.tenancy.permissions import Permission
from services.instances.models import Instance

_MOST_NAMED = 5


@transaction.atomic
def archive_project(*, actor: Actor, project: Project) -> None:
    """Raises: NotPermitted, Conflict naming the services that are in the way."""
    access.require(actor, project, Permission.PROJECT_UPDATE)
    Project.objects.select_for_update(no_key=True).get(pk=project.pk)
    _refuse_live(live_in([project]))
    archiving.archive_project(actor=actor, project=project)


@transaction.atomic
def archive_organisation(*, actor: Actor, organisation: Organisation) -> None:
    """Raises: NotPermitted, Conflict naming the services that are in the way."""
    access.require_in_organisation(actor, organisation, Permission.ORGANISATION_DELETE)
    Organisation.objects.select_for_update().get(pk=organisation.pk)
    rows = Project.objects.select_for_update(no_key=True).filter(organisation=organisation)
    _refuse_live(live_in(list(rows.order_by("pk"))))
    archiving.archive_organisation(actor=actor, organisation=organisation)


def bring_back(
    *, actor: Actor, organisation: Organisation, project: Project | None, reason: str
) -> None:
    """One project, or without one the organisation. Raises: NotPermitted, Invalid without a reason,
    Conflict.
    """
    if project is not None:
        archiving.unarchive_project(actor=actor, project=project, reason=reason)
    else:
        archiving.unarchive_organisation(actor=actor, organisation=organisation, reason=reason)


def live_in(projects: Sequence[Project]) -> QuerySet[Instance]:
    """The services of these projects that are not destroyed yet, by name."""
    rows = Instance.objects.filter(project__in=projects, deleted_at__isnull=True)
    return rows.select_related("project", "region").order_by("name", "id")


def live_in_organisation(organisation: Organisation) -> QuerySet[Instance]:
    """The same of all its projects."""
    rows = Instance.objects.filter(project__organisation=organisation, deleted_at__isnull=True)
    return rows.select_related("project", "region").order_by("name", "id")


def _refuse_live(rows: QuerySet[Instance]) -> None:
    names = [row.name for row in rows]
    if not names:
        return
    shown = ", ".join(names[:_MOST_NAMED]) + (" …" if len(names) > _MOST_NAMED else "")
    said = ngettext(
        "%(count)d service is still there: %(names)s.",
        "%(count)d services are still there: %(names)s.",
        len(names),
    )
    raise Conflict(
        said % {"count": len(names), "names": shown},
        hint=_("Delete them first. Those in the bin can be destroyed at once."),
        code="services-live",
        services=names,
    )
