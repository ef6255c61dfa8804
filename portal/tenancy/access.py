"""The only door to tenant rows. Not yours: NotFound. Yours, but your role does not allow it: NotPermitted.

What a member may do is the union of the roles held in the organisation and in the project, cut down by the
scopes and bounds of the token. Expired memberships count as none, archived rows are hidden, a suspended
organisation may only be looked at. Staff have no rights here by being staff.
"""

from __future__ import annotations

from django.db.models import QuerySet

from portal.kernel.actor import Actor
from portal.tenancy.models import Organisation, Project
from portal.tenancy.permissions import Permission


def organisation(actor: Actor, slug: str, permission: Permission) -> Organisation:
    """Raises: NotFound, NotPermitted."""
    raise NotImplementedError


def project(actor: Actor, slug: str, permission: Permission) -> Project:
    """The project with its organisation. Raises: NotFound, NotPermitted."""
    raise NotImplementedError


def organisations(actor: Actor, permission: Permission) -> QuerySet[Organisation]:
    """The organisations in which `actor` holds `permission`."""
    raise NotImplementedError


def projects(actor: Actor, permission: Permission) -> QuerySet[Project]:
    """The projects in which `actor` holds `permission`: one subquery, as in `filter(project__in=...)`."""
    raise NotImplementedError


def permissions_in(actor: Actor, project: Project) -> frozenset[Permission]:
    """Everything `actor` may do in `project`."""
    raise NotImplementedError


def permissions_in_organisation(actor: Actor, organisation: Organisation) -> frozenset[Permission]:
    """Everything `actor` may do in `organisation` as a whole."""
    raise NotImplementedError


def require(actor: Actor, project: Project, permission: Permission) -> None:
    """Raises: NotFound, NotPermitted."""
    raise NotImplementedError
