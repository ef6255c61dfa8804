"""Writes to organisations and projects: one transaction, permission and audit each."""

from __future__ import annotations

from collections.abc import Mapping
from zoneinfo import available_timezones

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from portal.accounts import second_factor
from portal.accounts.models import User
from portal.audit.actions import record
from portal.kernel import clock, ids
from portal.kernel.actor import Actor
from portal.kernel.errors import Conflict, Invalid, NotPermitted
from portal.tenancy import access, naming
from portal.tenancy.models import Membership, Organisation, Project
from portal.tenancy.permissions import Permission, Role


@transaction.atomic
def create_organisation(
    *,
    actor: Actor,
    name: str,
    slug: str | None = None,
    country: str = "",
    owner: User | None = None,
) -> Organisation:
    """A new organisation; whoever makes it is its owner. The provider names an `owner` instead.

    Raises: Invalid, NotPermitted for a token with bounds.
    """
    if owner is not None and not actor.is_provider:
        raise NotPermitted(
            _("Only the provider makes an organisation for somebody else."),
            hint=_("Leave out the owner: it will be you."),
        )
    if actor.organisation_id is not None or (
        actor.scopes is not None and Permission.ORGANISATION_UPDATE not in actor.scopes
    ):
        raise NotPermitted(
            _("This token is bound to another organisation or to other rights."),
            hint=_("Create the organisation with your own session."),
        )
    faults = naming.name_faults(name) | naming.country_faults(country)
    if slug is not None:
        faults |= naming.slug_faults(slug, Organisation)
    _refuse_faults(faults)
    organisation = Organisation(
        slug=slug or naming.slug_from(name, Organisation), name=name.strip(), country=country
    )
    _insert(organisation)
    owner_id = owner.pk if owner else actor.user_id
    if owner_id is not None:
        Membership.objects.create(user_id=owner_id, organisation=organisation, role=Role.OWNER)
    record(
        actor,
        "organisation.create",
        "organisation",
        organisation.slug,
        chain=organisation.slug,
        after={"name": organisation.name},
    )
    return organisation


@transaction.atomic
def update_organisation(
    *,
    actor: Actor,
    organisation: Organisation,
    name: str | None = None,
    country: str | None = None,
    requires_mfa: bool | None = None,
) -> Organisation:
    """What is left out stays. Raises: Invalid, NotPermitted, Conflict as `require_mfa`."""
    access.require_in_organisation(actor, organisation, Permission.ORGANISATION_UPDATE)
    if requires_mfa is not None:
        require_mfa(actor=actor, organisation=organisation, required=requires_mfa)
    if name is None and country is None:
        return organisation
    before = {"name": organisation.name, "country": organisation.country}
    name = organisation.name if name is None else name
    country = organisation.country if country is None else country
    _refuse_faults(naming.name_faults(name) | naming.country_faults(country))
    organisation.name, organisation.country = name.strip(), country
    organisation.save(update_fields=["name", "country"])
    record(
        actor,
        "organisation.update",
        "organisation",
        organisation.slug,
        chain=organisation.slug,
        before=before,
        after={"name": organisation.name, "country": organisation.country},
    )
    return organisation


@transaction.atomic
def require_mfa(*, actor: Actor, organisation: Organisation, required: bool) -> Organisation:
    """From now on members without a second factor cannot open it (tokens go on), or can again.

    Raises: NotPermitted, Conflict for an actor who would be shut out themselves.
    """
    access.require_in_organisation(actor, organisation, Permission.ORGANISATION_UPDATE)
    if required == organisation.requires_mfa:
        return organisation
    person = User.objects.get(pk=actor.user_id) if actor.user_id is not None else None
    if required and person is not None and not second_factor.has_one(person):
        raise Conflict(
            _("You have no second factor yourself: you would be shut out."),
            hint=_("Add one to your account first."),
            code="no-second-factor",
        )
    organisation.requires_mfa = required
    organisation.save(update_fields=["requires_mfa"])
    record(
        actor,
        "organisation.require_mfa",
        "organisation",
        organisation.slug,
        chain=organisation.slug,
        before={"requires_mfa": not required},
        after={"requires_mfa": required},
    )
    return organisation


@transaction.atomic
def suspend_organisation(*, actor: Actor, organisation: Organisation, reason: str) -> None:
    """Its members may look at everything and change nothing; services keep running.

    Raises: NotPermitted unless the provider does it, Invalid without a reason.
    """
    _only_provider(actor, reason)
    if organisation.suspended_at is None:
        organisation.suspended_at = clock.now()
        organisation.save(update_fields=["suspended_at"])
        _record_suspension(actor, organisation, "organisation.suspend", reason)


@transaction.atomic
def lift_suspension(*, actor: Actor, organisation: Organisation, reason: str) -> None:
    """Raises: NotPermitted unless the provider does it, Invalid without a reason."""
    _only_provider(actor, reason)
    if organisation.suspended_at is not None:
        organisation.suspended_at = None
        organisation.save(update_fields=["suspended_at"])
        _record_suspension(actor, organisation, "organisation.lift_suspension", reason)


@transaction.atomic
def create_project(
    *, actor: Actor, organisation: Organisation, name: str, slug: str | None = None
) -> Project:
    """Raises: Invalid, NotPermitted."""
    access.require_in_organisation(actor, organisation, Permission.PROJECT_CREATE)
    faults = naming.name_faults(name)
    if slug is not None:
        faults |= naming.slug_faults(slug, Project)
    _refuse_faults(faults)
    project = Project(
        organisation=organisation,
        public_id=ids.public_id("pj"),
        slug=slug or naming.slug_from(name, Project),
        name=name.strip(),
    )
    _insert(project)
    record(
        actor,
        "project.create",
        "project",
        project.slug,
        chain=organisation.slug,
        project=project.slug,
        after={"name": project.name},
    )
    return project


@transaction.atomic
def update_project(
    *,
    actor: Actor,
    project: Project,
    name: str | None = None,
    time_zone: str | None = None,
    tags: Mapping[str, str] | None = None,
) -> Project:
    """Raises: Invalid, NotPermitted."""
    access.require(actor, project, Permission.PROJECT_UPDATE)
    before = {"name": project.name, "time_zone": project.time_zone, "tags": project.tags}
    if name is not None:
        _refuse_faults(naming.name_faults(name))
        project.name = name.strip()
    if time_zone is not None:
        if time_zone not in available_timezones():
            raise Invalid({"time_zone": _("Give a time zone such as Europe/Amsterdam.")})
        project.time_zone = time_zone
    if tags is not None:
        _refuse_faults(naming.tag_faults(tags))
        project.tags = dict(tags)
    project.save(update_fields=["name", "time_zone", "tags"])
    record(
        actor,
        "project.update",
        "project",
        project.slug,
        chain=project.organisation.slug,
        project=project.slug,
        before=before,
        after={"name": project.name, "time_zone": project.time_zone, "tags": project.tags},
    )
    return project


def _only_provider(actor: Actor, reason: str) -> None:
    if not actor.is_provider:
        raise NotPermitted(
            _("Only the provider suspends organisations and lifts suspensions."),
            hint=_("Ask the provider."),
        )
    if not reason.strip():
        raise Invalid({"reason": _("Say why: the organisation reads it.")})


def _record_suspension(actor: Actor, organisation: Organisation, verb: str, reason: str) -> None:
    slug = organisation.slug
    record(actor, verb, "organisation", slug, chain=slug, reason=reason)


def _insert(row: Organisation | Project) -> None:
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        raise Invalid({"slug": _("“%(slug)s” is already in use.") % {"slug": row.slug}}) from error


def _refuse_faults(faults: dict[str, str]) -> None:
    if faults:
        raise Invalid(faults)
