"""What needs attention, and the search across tenants."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from portal.accounts.actors import staff_actor
from portal.console.address import asked_of
from portal.console.page import page
from portal.console.staff import home as building
from portal.console.staff import search as searching
from portal.console.staff.door import staff_only


@staff_only
@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """GET /staff/"""
    return page(request, "console/staff/home.html", building.home(staff_actor(request)))


@staff_only
@require_GET
def search(request: HttpRequest) -> HttpResponse:
    """GET /staff/search/?q="""
    text = asked_of(request).get("q", "")
    return page(request, "console/staff/search.html", searching.results(staff_actor(request), text))
