"""How promises were kept."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from portal.accounts.actors import actor_of
from portal.console import sla as building
from portal.console.address import asked_of, query_of, show
from portal.console.page import page
from portal.console.scope import require_project


@login_required
@require_safe
def report(request: HttpRequest) -> HttpResponse:
    """GET /sla/?month=&service=&page="""
    actor, asked = actor_of(request), asked_of(request)
    organisation = require_project(request, actor).organisation
    context = building.report(actor, organisation, asked)
    response = page(request, "console/sla.html", context, fragment="results")
    return show(request, response, query_of(asked, building.FILTERS))
