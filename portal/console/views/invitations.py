"""The link of an invitation, and accepting it."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from portal.accounts.actors import actor_of
from portal.console import invitations as building
from portal.console.page import go, page
from portal.console.scope import choose_project
from portal.tenancy import queries
from portal.tenancy.invitations import accept_invitation


@never_cache
@require_GET
def opened(request: HttpRequest, public_id: str, secret: str) -> HttpResponse:
    """GET /invitations/ID/SECRET/: the link of the mail. The secret leaves the address at once."""
    building.remember(request, queries.invitation_behind(public_id, secret))
    return go(request, "console:invitation-accept")


@never_cache
@require_GET
def show(request: HttpRequest) -> HttpResponse:
    """GET /invitations/accept/: what is offered, to whoever has opened the link."""
    context = building.page_of(request, building.opened(request))
    return page(request, "console/invitation.html", context)


@login_required
@require_POST
def accept(request: HttpRequest) -> HttpResponse:
    """POST /invitations/take/"""
    member = accept_invitation(actor=actor_of(request), invitation=building.opened(request))
    building.forget(request)
    if member.project is not None:
        choose_project(request, member.project.slug)
    place = member.project or member.organisation
    messages.success(request, _("You are now in %(place)s.") % {"place": place})
    return go(request, "console:overview")
