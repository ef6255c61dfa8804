"""The first page: what needs me, what runs, what it costs."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse

from portal.accounts.actors import actor_of
from portal.console import overview as building
from portal.console.page import page
from portal.console.scope import current_project


@login_required
def overview(request: HttpRequest) -> HttpResponse:
    """GET /"""
    actor = actor_of(request)
    project = current_project(request, actor)
    if project is None:
        return page(request, "console/no_project.html", {}, fragment="main")
    context = building.overview(actor, project)
    return page(request, "console/overview.html", context, fragment="running")
