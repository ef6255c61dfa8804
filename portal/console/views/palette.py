"""Search and commands: a plain page, and the source of the command palette."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from portal.accounts.actors import actor_of
from portal.console.overview import service_row
from portal.console.page import page
from portal.console.scope import current_project
from services.instances import queries

_MOST = 200


@login_required
@require_GET
def palette(request: HttpRequest) -> HttpResponse:
    """GET /go/"""
    actor = actor_of(request)
    project = current_project(request, actor)
    rows = queries.instances_for(actor, project=project.slug)[:_MOST] if project else []
    context = {
        "services": [service_row(instance) for instance in rows],
        "offerings": [entry.offering for entry in queries.catalogue()],
    }
    return page(request, "console/go.html", context)
