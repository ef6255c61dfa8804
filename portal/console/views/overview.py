"""The first page: what needs me, what runs, what it costs."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET, require_POST

from portal.accounts.actors import actor_of
from portal.accounts.models import User
from portal.console import overview as building
from portal.console.organisations import newcomer
from portal.console.page import go, page
from portal.console.scope import open_project
from portal.tenancy.first_steps import make_home


@login_required
@require_GET
def overview(request: HttpRequest) -> HttpResponse:
    """GET /"""
    actor = actor_of(request)
    project = open_project(request, actor)
    if project is None and actor.is_staff:
        return go(request, "console:staff")
    if project is None:
        return page(request, "console/no_project.html", newcomer(actor))
    context = building.overview(actor, project)
    return page(request, "console/overview.html", context, fragment="live")


@login_required
@require_POST
def begin(request: HttpRequest) -> HttpResponse:
    """POST /begin/: an organisation and a project for somebody who is in none."""
    if isinstance(request.user, User):
        make_home(request.user)
    return go(request, "console:overview")
