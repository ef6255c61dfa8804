"""The project that a person works in: remembered in the session, else the first one they may
see.
"""

from __future__ import annotations

from django.http import HttpRequest
from django.utils.translation import gettext as _

from portal.accounts.actors import actor_of
from portal.kernel.actor import Actor
from portal.kernel.errors import NotFound
from portal.tenancy import access
from portal.tenancy.models import Organisation, Project
from portal.tenancy.permissions import Permission
from portal.tenancy.refusals import second_factor_needed

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


def organisation_at_hand(request: HttpRequest) -> Organisation | None:
    """That of the project at hand, on a page that visitors see as well; None for them."""
    if not request.user.is_authenticated:
        return None
    found = current_project(request, actor_of(request))
    return found.organisation if found else None


def open_project(request: HttpRequest, actor: Actor) -> Project | None:
    """As `current_project`, for a page that is about the project.

    Raises: NotPermitted, once, when the project at hand is closed to a person without a second
    factor: they are sent to add one, and may go on elsewhere instead.
    """
    found = current_project(request, actor)
    wanted = request.session.get(_KEY)
    if found is None or (wanted and found.slug != wanted):
        closed = access.closed_organisations(actor)
        if wanted:
            del request.session[_KEY]
            closed = closed.filter(projects__slug=wanted)
        organisation = closed.first()
        if organisation is not None:
            raise second_factor_needed(organisation)
    return found


def require_project(request: HttpRequest, actor: Actor) -> Project:
    """Raises: NotFound for a person without any project, NotPermitted as `open_project`."""
    found = open_project(request, actor)
    if found is None:
        raise NotFound(
            _("You are not in any project yet."),
            hint=_("Ask the person who invited you, or create an organisation."),
        )
    return found


def choose_project(request: HttpRequest, slug: str) -> None:
    request.session[_KEY] = slug
