"""Projects and organisations are archived, never deleted: audit trail and invoices refer to them.

Whatever is archived disappears for its members; its slug stays taken. Only the provider brings it
back. Archive through `services.instances.archiving`, which refuses while services live: this module
knows nothing of them.
"""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from portal.audit.actions import record
from portal.kernel import clock
from portal.kernel.actor import Actor
from portal.kernel.errors import Conflict, Invalid, NotPermitted
from portal.tenancy import access
from portal.tenancy.models import OPEN_INVITATION, Invitation, Organisation, Project
from portal.tenancy.permissions import Permission


@transaction.atomic
def archive_project(*, actor: Actor, project: Project) -> None:
    """With it go the invitations to it. Raises: NotPermitted."""
    access.require(actor, project, Permission.PROJECT_UPDATE)
    now = clock.now()
    Project.objects.filter(pk=project.pk).update(archived_at=now)
    invitations = Invitation.objects.filter(OPEN_INVITATION, project=project)
    invitations.update(withdrawn_at=now)
    _record_project(actor, project, "project.archive")
    project.archived_at = now


@transaction.atomic
def archive_organisation(*, actor: Actor, organisation: Organisation) -> None:
    """With it go its projects and all invitations. Raises: NotPermitted."""
    access.require_in_organisation(actor, organisation, Permission.ORGANISATION_DELETE)
    now = clock.now()
    Organisation.objects.filter(pk=organisation.pk).update(archived_at=now)
    projects = Project.objects.filter(organisation=organisation, archived_at__isnull=True)
    projects.update(archived_at=now)
    invitations = Invitation.objects.filter(OPEN_INVITATION, organisation=organisation)
    invitations.update(withdrawn_at=now)
    _record_organisation(actor, organisation, "organisation.archive")
    organisation.archived_at = now


@transaction.atomic
def unarchive_project(*, actor: Actor, project: Project, reason: str) -> None:
    """Raises: NotPermitted unless the provider does it, Invalid without a reason, Conflict while
    its organisation is archived.
    """
    _only_provider(actor, reason)
    if project.organisation.archived_at is not None:
        raise Conflict(
            _("“%(name)s” is archived itself.") % {"name": project.organisation.name},
            hint=_("Bring the organisation back first."),
        )
    if project.archived_at is None:
        return
    Project.objects.filter(pk=project.pk).update(archived_at=None)
    _record_project(actor, project, "project.unarchive", reason)
    project.archived_at = None


@transaction.atomic
def unarchive_organisation(*, actor: Actor, organisation: Organisation, reason: str) -> None:
    """Its projects come back with it, but for those that were archived by themselves.

    Raises: NotPermitted unless the provider does it, Invalid without a reason.
    """
    _only_provider(actor, reason)
    if organisation.archived_at is None:
        return
    projects = Project.objects.filter(
        organisation=organisation, archived_at=organisation.archived_at
    )
    projects.update(archived_at=None)
    Organisation.objects.filter(pk=organisation.pk).update(archived_at=None)
    _record_organisation(actor, organisation, "organisation.unarchive", reason)
    organisation.archived_at = None


def _only_provider(actor: Actor, reason: str) -> None:
    if not actor.is_provider:
        raise NotPermitted(
            _("Only the provider brings back what was archived."), hint=_("Ask the provider.")
        )
    if not reason.strip():
        raise Invalid({"reason": _("Say why: the organisation reads it.")})


def _record_project(actor: Actor, project: Project, verb: str, reason: str = "") -> None:
    slug = project.slug
    chain = project.organisation.slug
    record(actor, verb, "project", slug, chain=chain, project=slug, reason=reason)


def _record_organisation(
    actor: Actor, organisation: Organisation, verb: str, reason: str = ""
) -> None:
    slug = organisation.slug
    record(actor, verb, "organisation", slug, chain=slug, reason=reason)
