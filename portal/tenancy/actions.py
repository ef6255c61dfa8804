"""Writes to organisations, projects and memberships: one transaction, permission and audit each."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import available_timezones

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from portal.accounts.models import User
from portal.audit.actions import record
from portal.kernel import clock, ids
from portal.kernel.actor import Actor
from portal.kernel.errors import Conflict, Invalid, NotFound, NotPermitted
from portal.tenancy import access, naming
from portal.tenancy.models import Membership, Organisation, Project
from portal.tenancy.permissions import GRANTS, Permission, Role


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
    if owner is not None and actor.kind not in ("staff", "system"):
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
    *, actor: Actor, organisation: Organisation, name: str | None = None, country: str | None = None
) -> Organisation:
    """Raises: Invalid, NotPermitted."""
    access.require_in_organisation(actor, organisation, Permission.ORGANISATION_UPDATE)
    before = {"name": organisation.name, "country": organisation.country}
    if name is not None:
        _refuse_faults(naming.name_faults(name))
        organisation.name = name.strip()
    if country is not None:
        _refuse_faults(naming.country_faults(country))
        organisation.country = country
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
def suspend_organisation(*, actor: Actor, organisation: Organisation, reason: str = "") -> None:
    """Its members may look at everything and change nothing; services keep running.

    Raises: NotPermitted unless the provider does it.
    """
    _only_provider(actor)
    if organisation.suspended_at is None:
        organisation.suspended_at = clock.now()
        organisation.save(update_fields=["suspended_at"])
        _record_suspension(actor, organisation, "organisation.suspend", reason)


@transaction.atomic
def lift_suspension(*, actor: Actor, organisation: Organisation, reason: str = "") -> None:
    """Raises: NotPermitted unless the provider does it."""
    _only_provider(actor)
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


@transaction.atomic
def add_member(
    *,
    actor: Actor,
    organisation: Organisation,
    user: User,
    role: str,
    project: Project | None = None,
    expires_at: datetime | None = None,
) -> Membership:
    """Raises: Invalid, NotPermitted, Conflict for somebody who is a member already."""
    if project is not None and project.organisation_id != organisation.pk:
        raise Invalid({"project": _("This project belongs to another organisation.")})
    _may_give(actor, organisation, project, role)
    _check_expiry(expires_at)
    try:
        with transaction.atomic():
            member = Membership.objects.create(
                user=user,
                organisation=organisation,
                project=project,
                role=role,
                expires_at=expires_at,
            )
    except IntegrityError as error:
        raise Conflict(
            _("%(name)s is a member already.") % {"name": user},
            hint=_("Change the role instead."),
        ) from error
    _record_member(actor, member, "member.add", after=_shape(member))
    return member


@transaction.atomic
def change_member(
    *,
    actor: Actor,
    member: Membership,
    role: str | None = None,
    expires_at: datetime | None = None,
    forever: bool = False,
) -> Membership:
    """What is not given stays; `forever` takes the expiry off.

    Raises: Invalid, NotPermitted, Conflict when the last owner would be lost.
    """
    member = _locked(member)
    _may_touch(actor, member)
    before = _shape(member)
    longer = forever or (
        expires_at is not None and member.expires_at is not None and expires_at > member.expires_at
    )
    if role is not None or longer:
        _may_give(actor, member.organisation, member.project, role or member.role)
    if (role or member.role) != Role.OWNER or expires_at is not None:
        _keep_an_owner(member)
    _check_expiry(expires_at)
    member.role = role or member.role
    member.expires_at = None if forever else expires_at or member.expires_at
    member.save(update_fields=["role", "expires_at"])
    _record_member(actor, member, "member.change", before=before, after=_shape(member))
    return member


@transaction.atomic
def remove_member(*, actor: Actor, member: Membership) -> None:
    """Also for leaving oneself. Raises: NotPermitted, Conflict when the last owner would be
    lost.
    """
    member = _locked(member)
    if member.user_id != actor.user_id or actor.token_id:  # a token does not leave for its owner
        _may_touch(actor, member)
    _keep_an_owner(member)
    _record_member(actor, member, "member.remove", before=_shape(member))
    member.delete()


def _only_provider(actor: Actor) -> None:
    if actor.kind not in ("staff", "system"):
        raise NotPermitted(
            _("Only the provider suspends organisations and lifts suspensions."),
            hint=_("Ask the provider."),
        )


def _record_suspension(actor: Actor, organisation: Organisation, verb: str, reason: str) -> None:
    slug = organisation.slug
    record(actor, verb, "organisation", slug, chain=slug, reason=reason)


def _locked(member: Membership) -> Membership:
    """The row as it is now, under a lock of its organisation: two owners cannot leave at once."""
    Organisation.objects.select_for_update().get(pk=member.organisation_id)
    rows = Membership.objects.select_related("organisation", "project__organisation", "user")
    found = rows.filter(pk=member.pk).first()
    if found is None:
        raise NotFound(
            _("This member was removed in the meantime."), hint=_("See the list of members.")
        )
    return found


def _may_touch(actor: Actor, member: Membership) -> None:
    """Refuses unless `actor` manages members where this one belongs, and owners if it is one."""
    _require(actor, member.organisation, member.project, Permission.MEMBER_MANAGE)
    if member.role == Role.OWNER:
        _require(actor, member.organisation, member.project, Permission.OWNER_MANAGE)


def _may_give(actor: Actor, organisation: Organisation, project: Project | None, role: str) -> None:
    """Refuses a role that holds more than `actor` does, or nobody could be kept from anything."""
    if role not in Role.values:
        raise Invalid({"role": _("Choose one of %(roles)s.") % {"roles": ", ".join(Role.values)}})
    _require(actor, organisation, project, Permission.MEMBER_MANAGE)
    held = (
        access.permissions_in(actor, project)
        if project
        else access.permissions_in_organisation(actor, organisation)
    )
    if not GRANTS[Role(role)] <= held:
        raise NotPermitted(
            _("You cannot give the role “%(role)s”: it holds more rights than you do.")
            % {"role": role},
            hint=_("Choose another role, or ask an owner."),
        )


def _require(
    actor: Actor, organisation: Organisation, project: Project | None, permission: Permission
) -> None:
    if project is not None:
        access.require(actor, project, permission)
    else:
        access.require_in_organisation(actor, organisation, permission)


def _check_expiry(expires_at: datetime | None) -> None:
    if expires_at is not None and expires_at <= clock.now():
        raise Invalid({"expires_at": _("Choose a time that is still to come.")})


def _shape(member: Membership) -> dict[str, Any]:
    return {"role": member.role, "expires_at": member.expires_at}


def _keep_an_owner(member: Membership) -> None:
    if member.role != Role.OWNER or member.project_id is not None:
        return
    others = Membership.objects.filter(
        organisation_id=member.organisation_id,
        project__isnull=True,
        role=Role.OWNER,
        expires_at__isnull=True,
        user__is_active=True,
    ).exclude(pk=member.pk)
    if not others.exists():
        raise Conflict(
            _("%(name)s is the last owner of %(organisation)s.")
            % {"name": member.user, "organisation": member.organisation},
            hint=_("Make somebody else an owner first."),
            code="last-owner",
        )


def _record_member(
    actor: Actor,
    member: Membership,
    verb: str,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    record(
        actor,
        verb,
        "member",
        str(member.user_id),
        chain=member.organisation.slug,
        project=member.project.slug if member.project else "",
        before=before,
        after=after,
    )


def _insert(row: Organisation | Project) -> None:
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        raise Invalid({"slug": _("“%(slug)s” is already in use.") % {"slug": row.slug}}) from error


def _refuse_faults(faults: dict[str, str]) -> None:
    if faults:
        raise Invalid(faults)
