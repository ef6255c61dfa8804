"""The project that a person works in: remembered in the session, else the first one they may
see.
"""

from __future__ import annotations

from django.http import HttpRequest
from django.utils.translation import gettext as _

from portal.kernel.actor import Actor
from portal.kernel.errors import NotFound
from portal.tenancy import access
from portal.tenancy.models import Project
from portal.tenancy.permissions import Permission

_KEY = "project"


def projects_of(actor: Actor) -> list[Project]:
    """All projects the actor may see, by organisation and name. One query."""
    return access.projects_with_roles(actor, Permission.PROJECT_VIEW)


def current_project(request: HttpRequest, actor: Actor) -> Project | None:
    """The project at hand; None for a person without any. Memoised for the request."""
    if not hasattr(request, "_project"):
        wanted = request.session.get(_KEY)
        found = projects_of(actor)
        chosen = next((p for p in found if p.slug == wanted), found[0] if found else None)
        request._project = chosen  # type: ignore[attr-defined]  # one query a request
    return request._project  # type: ignore[attr-defined,no-any-return]  # as above


def require_project(request: HttpRequest, actor: Actor) -> Project:
    """Raises: NotFound for a person without any project."""
    found = current_project(request, actor)
    if found is None:
        raise NotFound(
            _("You are not in any project yet."),
            hint=_("Ask the person who invited you, or create an organisation."),
        )
    return found


def choose_project(request: HttpRequest, slug: str) -> None:
    request.session[_KEY] = slug
