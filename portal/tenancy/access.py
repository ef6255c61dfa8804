"""The only door to tenant rows. Not yours: NotFound. Yours, but not allowed: NotPermitted.

What a member may do is the union of the roles held in the organisation and in the project, cut
down by the scopes and bounds of the token. Expired memberships count as none, archived rows are
hidden, a suspended organisation may only be looked at. An organisation that requires a second
factor is closed to members without one, except through their tokens. Staff have no rights here by
being staff.

Each call is one query; a refusal takes one more, to name who can help.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, TypeVar

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Exists, F, Model, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from portal.accounts import second_factor
from portal.accounts.models import ServiceAccount
from portal.kernel.actor import Actor
from portal.kernel.errors import NotFound
from portal.kernel.prepared import marks_for
from portal.tenancy.models import Membership, Organisation, Project
from portal.tenancy.permissions import GRANTS, VIEWS, Permission, Role, roles_with
from portal.tenancy.refusals import (
    no_organisation,
    no_project,
    refusal,
    second_factor_needed,
)

_ALL = frozenset(Permission)
_Row = TypeVar("_Row", bound=Model)
_KEYS = ("user_id", "service_account_id", "organisation_id", "project_id")


def organisation(actor: Actor, slug: str, permission: Permission) -> Organisation:
    """The organisation called `slug`. Raises: NotFound, NotPermitted."""
    rows = _grants(actor).filter(organisation_id=OuterRef("pk"))
    found = (
        Organisation.objects.filter(slug=slug, archived_at__isnull=True)
        .annotate(
            roles_held=ArraySubquery(rows.filter(project__isnull=True).values("role")),
            in_a_project=Exists(rows.filter(project__isnull=False)),
        )
        .first()
    )
    if found is None:
        raise no_organisation(slug)
    # The database answers NULL where no grant can match.
    _check_organisation(actor, found, found.roles_held or [], found.in_a_project, permission)
    return found


def project(actor: Actor, slug: str, permission: Permission) -> Project:
    """The project called `slug`, with its organisation. Raises: NotFound, NotPermitted."""
    found = (
        Project.objects.filter(slug=slug)
        .select_related("organisation")
        .annotate(roles_held=ArraySubquery(_grants_in_project(actor).values("role")))
        .first()
    )
    if found is None:
        raise no_project(slug)
    _check(actor, found, found.roles_held or [], permission, "")
    found.roles_known = (_holder(actor), found.roles_held or [])  # type: ignore[attr-defined]
    return found


def organisations(actor: Actor, permission: Permission) -> QuerySet[Organisation]:
    """The organisations in which `actor` holds `permission`.

    Whoever is a member of a project only may view its organisation, and nothing else in it.
    """
    rows = Organisation.objects.filter(archived_at__isnull=True)
    if actor.is_system:
        return rows
    viewing = permission is Permission.ORGANISATION_VIEW
    if not _in_scope(actor, permission) or (actor.project_id is not None and not viewing):
        return rows.none()
    grants = _grants(actor).filter(role__in=roles_with(permission))
    if not viewing:
        grants = grants.filter(project__isnull=True)
    rows = rows.filter(pk__in=grants.values("organisation_id"))
    if permission not in VIEWS:
        rows = rows.filter(suspended_at__isnull=True)
    return rows if actor.organisation_id is None else rows.filter(pk=actor.organisation_id)


def projects(actor: Actor, permission: Permission) -> QuerySet[Project]:
    """The projects in which `actor` holds `permission`."""
    return Project.objects.filter(pk__in=project_keys(actor, permission))


def projects_with_roles(actor: Actor, permission: Permission) -> list[Project]:
    """The same, by organisation and name, each with its organisation and with what the actor may
    do there: `permissions_in` asks nothing more of them. One query.
    """
    rows = projects(actor, permission).select_related("organisation")
    held = ArraySubquery(_grants_in_project(actor).values("role"))
    found: list[Project] = list(
        rows.annotate(roles_held=held).order_by("organisation__name", "name")
    )
    for row in found:
        roles: list[str] = getattr(row, "roles_held", None) or []
        row.roles_known = (_holder(actor), roles)  # type: ignore[attr-defined]
    return found


def project_keys(actor: Actor, permission: Permission) -> QuerySet[Project, int]:
    """The same as keys, some of them more than once: to be used as
    `Instance.objects.filter(project__in=access.project_keys(actor, permission))`.

    One subquery that starts at the actor's few grants, with as few tables as can be: planning it
    takes PostgreSQL longer than answering it.
    """
    rows = Project.objects.filter(archived_at__isnull=True, organisation__archived_at__isnull=True)
    if actor.is_system:
        return rows.values_list("pk", flat=True)
    if not _in_scope(actor, permission):
        rows = rows.none()
    if permission not in VIEWS:
        rows = rows.filter(organisation__suspended_at__isnull=True)
    if actor.organisation_id is not None:
        rows = rows.filter(organisation_id=actor.organisation_id)
    if actor.project_id is not None:
        rows = rows.filter(pk=actor.project_id)
    return rows.filter(_granted(actor, permission)).values_list("pk", flat=True)


def visible(
    actor: Actor, organisation: Organisation, permission: Permission, rows: QuerySet[_Row]
) -> QuerySet[_Row]:
    """Of `rows` of an organisation, which have a `project`: all where `permission` is held in the
    organisation, else those of the projects in which it is held. Raises: NotFound, NotPermitted.
    """
    return rows.filter(seen(actor, organisation, permission))


def seen(actor: Actor, organisation: Organisation, permission: Permission) -> Q:
    """The same as what picks them, for more than one kind of rows."""
    if organisations(actor, permission).filter(pk=organisation.pk).exists():
        return Q()
    keys = project_keys(actor, permission)
    if not organisation.projects.filter(pk__in=keys).exists():
        require_in_organisation(actor, organisation, permission)
    return Q(project__in=keys)


def marked(actor: Actor) -> tuple[Actor, dict[str, int], dict[str, int]]:
    """For `portal.kernel.prepared`: an actor with marks in place of keys, the marks, and the keys.

    Rights are decided by the keys, by what is bounded, and by the scopes, which stay as they are.
    """
    keys = {name: getattr(actor, name) for name in _KEYS if getattr(actor, name) is not None}
    marks = marks_for(keys)
    fields: dict[str, Any] = dict(marks)
    return replace(actor, **fields), marks, keys


def permissions_in(actor: Actor, project: Project) -> frozenset[Permission]:
    """Everything `actor` may do in `project`; empty when it is not to be seen. One query."""
    return _in_project(actor, project, _roles_in(actor, project))


def permissions_in_organisation(actor: Actor, organisation: Organisation) -> frozenset[Permission]:
    """Everything `actor` may do in `organisation` as a whole. One query."""
    return _in_organisation(actor, organisation, *_roles_in_organisation(actor, organisation))


def require(actor: Actor, project: Project, permission: Permission, *, missing: str = "") -> None:
    """Refuses unless `actor` holds `permission` in `project`.

    `missing` is the sentence for whoever may not know that the thing exists, as in "There is no
    service pg-7f3a9c21 here, or you may not see it.". Raises: NotFound, NotPermitted.
    """
    _check(actor, project, _roles_in(actor, project), permission, missing)


def require_in_organisation(
    actor: Actor, organisation: Organisation, permission: Permission
) -> None:
    """As `require`, for the organisation as a whole. Raises: NotFound, NotPermitted."""
    roles, in_a_project = _roles_in_organisation(actor, organisation)
    _check_organisation(actor, organisation, roles, in_a_project, permission)


def require_at(
    actor: Actor, organisation: Organisation, project: Project | None, permission: Permission
) -> None:
    """`require` for what belongs to a project, `require_in_organisation` for the rest.

    Raises: NotFound, NotPermitted.
    """
    if project is not None:
        require(actor, project, permission)
    else:
        require_in_organisation(actor, organisation, permission)


def permissions_at(
    actor: Actor, organisation: Organisation, project: Project | None
) -> frozenset[Permission]:
    """Everything `actor` may do in `project`, or in the organisation as a whole without one."""
    if project is not None:
        return permissions_in(actor, project)
    return permissions_in_organisation(actor, organisation)


def _grants(actor: Actor) -> QuerySet[Membership] | QuerySet[ServiceAccount]:
    """Rows with organisation, project and role: memberships, or the service account itself."""
    if actor.service_account_id is not None:
        return ServiceAccount.objects.filter(pk=actor.service_account_id, disabled_at__isnull=True)
    if actor.user_id is None:
        return Membership.objects.none()
    # The database's clock, so that the SQL stays the same (portal.kernel.prepared).
    rows = Membership.objects.filter(
        Q(expires_at__isnull=True) | Q(expires_at__gt=Now()), user_id=actor.user_id
    )
    return rows if actor.token_id else rows.filter(_strong_enough(actor))


def _strong_enough(actor: Actor) -> Q:
    """That a person has the second factor which the organisation of a row requires."""
    return Q(organisation__requires_mfa=False) | Q(second_factor.held_by(actor.user_id))


def _grants_in_project(actor: Actor) -> QuerySet[Any]:
    """Those that reach the project of an outer query."""
    return _grants(actor).filter(
        Q(project__isnull=True) | Q(project_id=OuterRef("pk")),
        organisation_id=OuterRef("organisation_id"),
    )


def _granted(actor: Actor, permission: Permission) -> Q:
    """That a grant with `permission` reaches a project. It must be said in one filter() call,
    so that it holds for one and the same grant; the same as `_grants` says.
    """
    is_account = actor.service_account_id is not None
    path = "organisation__service_accounts" if is_account else "organisation__memberships"
    reaches = Q(**{f"{path}__project__isnull": True}) | Q(**{f"{path}__project_id": F("pk")})
    if is_account:
        good = Q(**{f"{path}__pk": actor.service_account_id, f"{path}__disabled_at__isnull": True})
    else:
        lasting = Q(**{f"{path}__expires_at__isnull": True})
        lasting |= Q(**{f"{path}__expires_at__gt": Now()})
        good = Q(**{f"{path}__user_id": actor.user_id}) & lasting
        good = good if actor.token_id else good & _strong_enough(actor)
    return reaches & good & Q(**{f"{path}__role__in": roles_with(permission)})


def _holder(actor: Actor) -> tuple[int | None, int | None, bool]:
    """Whose grants an actor has, and whether by a token."""
    return actor.user_id, actor.service_account_id, bool(actor.token_id)


def _roles_in(actor: Actor, project: Project) -> list[str]:
    """One query; none for an object that `project` has just found for the same actor."""
    holder, roles = getattr(project, "roles_known", (None, []))
    if holder == _holder(actor):
        return list(roles)
    rows = _grants(actor).filter(
        Q(project__isnull=True) | Q(project_id=project.pk), organisation_id=project.organisation_id
    )
    return list(rows.values_list("role", flat=True))


def _roles_in_organisation(actor: Actor, organisation: Organisation) -> tuple[list[str], bool]:
    """The roles in the organisation as a whole, and whether there is one in a project of it."""
    grants = list(
        _grants(actor).filter(organisation_id=organisation.pk).values_list("role", "project_id")
    )
    roles = [role for role, project_id in grants if project_id is None]
    return roles, len(roles) < len(grants)


def _in_scope(actor: Actor, permission: Permission) -> bool:
    return actor.scopes is None or permission.value in actor.scopes


def _in_project(actor: Actor, project: Project, roles: Iterable[str]) -> frozenset[Permission]:
    """What `roles` come to in `project`, after bounds, scopes and suspension."""
    if project.archived_at is not None or project.organisation.archived_at is not None:
        return frozenset()
    if not actor.is_system and (
        actor.organisation_id not in (None, project.organisation_id)
        or actor.project_id not in (None, project.pk)
    ):
        return frozenset()
    return _cut(actor, roles, project.organisation)


def _in_organisation(
    actor: Actor, organisation: Organisation, roles: Iterable[str], in_a_project: bool
) -> frozenset[Permission]:
    """What `roles` come to in `organisation`; a member of a project may view it, no more."""
    if organisation.archived_at is not None:
        return frozenset()
    if actor.is_system:
        return _ALL
    if actor.organisation_id not in (None, organisation.pk):
        return frozenset()
    held = _cut(actor, roles, organisation)
    if in_a_project:
        held |= _cut(actor, [Role.VIEWER], organisation) & {Permission.ORGANISATION_VIEW}
    return held if actor.project_id is None else held & {Permission.ORGANISATION_VIEW}


def _cut(actor: Actor, roles: Iterable[str], organisation: Organisation) -> frozenset[Permission]:
    if actor.is_system:
        return _ALL
    held = frozenset[Permission]().union(*(GRANTS[Role(role)] for role in roles))
    if actor.scopes is not None:
        held = frozenset(p for p in held if p.value in actor.scopes)
    return held if organisation.suspended_at is None else held & VIEWS


def _check(
    actor: Actor, project: Project, roles: Iterable[str], permission: Permission, missing: str
) -> None:
    if permission in _in_project(actor, project, roles):
        return
    # A token that lacks the scope belongs to a member all the same: that is 403, not 404.
    if not _in_project(replace(actor, scopes=None), project, roles):
        _refuse_weak(actor, project.organisation, project)
        raise NotFound(missing) if missing else no_project(project.slug)
    looking = actor.is_impersonating
    raise refusal(permission, roles, project.organisation, project, looking=looking)


def _check_organisation(
    actor: Actor,
    organisation: Organisation,
    roles: Iterable[str],
    in_a_project: bool,
    permission: Permission,
) -> None:
    if permission in _in_organisation(actor, organisation, roles, in_a_project):
        return
    if not _in_organisation(replace(actor, scopes=None), organisation, roles, in_a_project):
        _refuse_weak(actor, organisation)
        raise no_organisation(organisation.slug)
    raise refusal(permission, roles, organisation, looking=actor.is_impersonating)


def closed_organisations(actor: Actor) -> QuerySet[Organisation]:
    """Those that a person belongs to and cannot open before they have a second factor."""
    rows = Organisation.objects.filter(requires_mfa=True, archived_at__isnull=True)
    if actor.user_id is None or actor.token_id:
        return rows.none()
    lasting = Q(expires_at__isnull=True) | Q(expires_at__gt=Now())
    mine = Membership.objects.filter(lasting, user_id=actor.user_id)
    rows = rows.filter(pk__in=mine.values("organisation_id"))
    return rows.exclude(Q(second_factor.held_by(actor.user_id))).order_by("name")


def _refuse_weak(actor: Actor, organisation: Organisation, project: Project | None = None) -> None:
    """Tells a member that only the second factor is missing. Raises: NotPermitted."""
    if not organisation.requires_mfa or actor.user_id is None or actor.token_id:
        return
    reaches = Q(project__isnull=True)
    reaches |= Q(project=project) if project else Q(project__isnull=False)
    lasting = Q(expires_at__isnull=True) | Q(expires_at__gt=Now())
    rows = Membership.objects.filter(
        reaches, lasting, user_id=actor.user_id, organisation=organisation
    )
    if rows.exclude(Q(second_factor.held_by(actor.user_id))).exists():
        raise second_factor_needed(organisation)
