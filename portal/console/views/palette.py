"""Search and commands: a plain page, and the source of the command palette."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from portal.accounts.actors import actor_of
from portal.console import palette as building
from portal.console.address import asked_of
from portal.console.page import page
from portal.console.scope import current_project
from portal.console.shell import Shell


@login_required
@require_GET
def palette(request: HttpRequest) -> HttpResponse:
    """GET /go/?q=: the fragment is what the palette reads, once a page."""
    actor, query = actor_of(request), asked_of(request).get("q", "")
    groups = building.groups(actor, current_project(request, actor), Shell(request), query)
    context = {"groups": groups, "query": query}
    return page(request, "console/go.html", context, fragment="items")
