"""Writes to organisations, projects and memberships: one transaction, permission and audit each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import available_timezones

from django.db import IntegrityError, transaction
from django.utils.text import slugify
from django.utils.translation import gettext as _

from portal.accounts.models import User
from portal.audit.actions import record
from portal.kernel import clock, ids
from portal.kernel.actor import Actor
from portal.kernel.errors import Conflict, Invalid, NotPermitted
from portal.tenancy import access
from portal.tenancy.models import Membership, Organisation, Project
from portal.tenancy.permissions import GRANTS, Permission, Role

_SLUG = re.compile(r"[a-z][a-z0-9-]{0,38}[a-z0-9]")
_COUNTRY = re.compile(r"[A-Z]{2}")


@transaction.atomic
def create_organisation(
    *, actor: Actor, name: str, slug: str | None = None, country: str = ""
) -> Organisation:
    """A new organisation; whoever makes it is its owner. Raises: Invalid, NotPermitted for a token
    with bounds.
    """
    if actor.organisation_id is not None or (
        actor.scopes is not None and Permission.ORGANISATION_UPDATE not in actor.scopes
    ):
        raise NotPermitted(
            _("This token is bound to another organisation or to other rights."),
            hint=_("Create the organisation with your own session."),
        )
    faults = _name_faults(name)
    if country and not _COUNTRY.fullmatch(country):
        faults["country"] = _("Give the two letters of a country, as in NL.")
    chosen = _chosen_slug(slug, name, Organisation, faults)
    organisation = Organisation(slug=chosen, name=name.strip(), country=country)
    _insert(organisation, faults)
    if actor.user_id is not None:
        Membership.objects.create(user_id=actor.user_id, organisation=organisation, role=Role.OWNER)
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
        _refuse_faults(_name_faults(name))
        organisation.name = name.strip()
    if country is not None:
        if country and not _COUNTRY.fullmatch(country):
            raise Invalid({"country": _("Give the two letters of a country, as in NL.")})
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
def create_project(
    *, actor: Actor, organisation: Organisation, name: str, slug: str | None = None
) -> Project:
    """Raises: Invalid, NotPermitted."""
    access.require_in_organisation(actor, organisation, Permission.PROJECT_CREATE)
    faults = _name_faults(name)
    project = Project(
        organisation=organisation,
        public_id=ids.public_id("pj"),
        slug=_chosen_slug(slug, name, Project, faults),
        name=name.strip(),
    )
    _insert(project, faults)
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
        _refuse_faults(_name_faults(name))
        project.name = name.strip()
    if time_zone is not None:
        if time_zone not in available_timezones():
            raise Invalid({"time_zone": _("Give a time zone such as Europe/Amsterdam.")})
        project.time_zone = time_zone
    if tags is not None:
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
    _may_manage(actor, organisation, role)
    if project is not None and project.organisation_id != organisation.pk:
        raise Invalid({"project": _("This project belongs to another organisation.")})
    if expires_at is not None and expires_at <= clock.now():
        raise Invalid({"expires_at": _("Choose a time that is still to come.")})
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
    _record_member(actor, member, "member.add", after={"role": role})
    return member


@transaction.atomic
def change_member(
    *,
    actor: Actor,
    member: Membership,
    role: str | None = None,
    expires_at: datetime | None = None,
) -> Membership:
    """Raises: Invalid, NotPermitted, Conflict when the last owner would be lost."""
    member = _locked(member)
    _may_manage(actor, member.organisation, member.role)
    before = {"role": member.role}
    if role is not None:
        _may_manage(actor, member.organisation, role)
        if role != Role.OWNER:
            _keep_an_owner(member)
        member.role = role
    if expires_at is not None:
        _keep_an_owner(member)
        member.expires_at = expires_at
    member.save(update_fields=["role", "expires_at"])
    _record_member(actor, member, "member.change", before=before, after={"role": member.role})
    return member


@transaction.atomic
def remove_member(*, actor: Actor, member: Membership) -> None:
    """Also for leaving oneself. Raises: NotPermitted, Conflict when the last owner would be
    lost.
    """
    member = _locked(member)
    if member.user_id != actor.user_id:
        _may_manage(actor, member.organisation, member.role)
    _keep_an_owner(member)
    _record_member(actor, member, "member.remove", before={"role": member.role})
    member.delete()


def _locked(member: Membership) -> Membership:
    """The row for change; the organisation is locked too, so that two owners cannot leave at
    once.
    """
    Organisation.objects.select_for_update().get(pk=member.organisation_id)
    return Membership.objects.select_related("organisation", "project", "user").get(pk=member.pk)


def _may_manage(actor: Actor, organisation: Organisation, role: str) -> None:
    if role not in Role.values:
        raise Invalid({"role": _("Choose one of %(roles)s.") % {"roles": ", ".join(Role.values)}})
    needed = Permission.OWNER_MANAGE if role == Role.OWNER else Permission.MEMBER_MANAGE
    access.require_in_organisation(actor, organisation, needed)
    held = access.permissions_in_organisation(actor, organisation)
    if role != Role.BILLING and not GRANTS[Role(role)] <= held:
        raise NotPermitted(
            _("You cannot give more rights than you have."), hint=_("Choose another role.")
        )


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


def _name_faults(name: str) -> dict[str, str]:
    if not name.strip() or len(name) > 120 or "\0" in name:
        return {"name": _("Give a name of at most 120 characters.")}
    return {}


def _chosen_slug(
    slug: str | None, name: str, model: type[Organisation] | type[Project], faults: dict[str, str]
) -> str:
    """The slug asked for, or one made from the name, with a suffix when that is taken."""
    if slug is not None:
        if not _SLUG.fullmatch(slug):
            faults["slug"] = _("Use 2 to 40 lower-case letters, digits and dashes.")
        elif model._default_manager.filter(slug=slug).exists():
            faults["slug"] = _("“%(slug)s” is already in use.") % {"slug": slug}
        return slug
    made = slugify(name)[:30].strip("-") or "space"
    made = made if made[0].isalpha() else f"p-{made}"
    if len(made) < 2 or model._default_manager.filter(slug=made).exists():
        made = f"{made}-{ids.readable_suffix()}"
    return made


def _insert(row: Organisation | Project, faults: dict[str, str]) -> None:
    _refuse_faults(faults)
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        raise Invalid({"slug": _("“%(slug)s” is already in use.") % {"slug": row.slug}}) from error


def _refuse_faults(faults: dict[str, str]) -> None:
    if faults:
        raise Invalid(faults)
