"""Regions: how they are, and whether they take orders. Engines: fetch and remove them."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from portal.accounts.actors import staff_actor
from portal.console.attempts import attempt
from portal.console.page import go, page
from portal.console.staff import regions as building
from portal.console.staff.door import staff_only
from services.instances import engines as doing
from services.regions import actions, oversight

_REGION, _ENGINES = "console/staff/region.html", "console/staff/engines.html"


@staff_only
@require_GET
def regions(request: HttpRequest) -> HttpResponse:
    """GET /staff/regions/"""
    return page(request, "console/staff/regions.html", building.regions(staff_actor(request)))


@staff_only
@require_GET
def region(request: HttpRequest, code: str) -> HttpResponse:
    """GET /staff/regions/CODE/"""
    actor = staff_actor(request)
    return page(request, _REGION, building.region(actor, oversight.region(actor, code)))


@staff_only
@require_GET
def queue(request: HttpRequest, code: str) -> HttpResponse:
    """GET /staff/regions/CODE/queue/: takes a second, so the page asks for it when it is drawn."""
    actor = staff_actor(request)
    found = oversight.region(actor, code)
    context = building.queue(actor, found)
    if "HX-Request" not in request.headers:
        context |= building.region(actor, found)
    return page(request, _REGION, context, fragment="queue")


@staff_only
@require_POST
def close(request: HttpRequest, code: str) -> HttpResponse:
    """POST /staff/regions/CODE/close/ (reason)"""
    return _turn(request, code, closed=True)


@staff_only
@require_POST
def reopen(request: HttpRequest, code: str) -> HttpResponse:
    """POST /staff/regions/CODE/open/ (reason)"""
    return _turn(request, code, closed=False)


def _turn(request: HttpRequest, code: str, *, closed: bool) -> HttpResponse:
    actor, reason = staff_actor(request), request.POST.get("reason", "")
    found = oversight.region(actor, code)
    act = actions.close_region if closed else actions.open_region
    _row, errors = attempt(lambda: act(actor=actor, region=found, reason=reason))
    if errors:
        context = building.region(actor, found) | {"errors": errors, "reason": reason}
        return page(request, _REGION, context, status=422)
    said = _("%(name)s takes no new orders.") if closed else _("%(name)s takes orders again.")
    messages.success(request, said % {"name": found.name})
    return go(request, "console:staff-region", code)


@staff_only
@require_GET
def engines(request: HttpRequest) -> HttpResponse:
    """GET /staff/engines/"""
    context = building.engine_list(staff_actor(request))
    return page(request, _ENGINES, context, fragment="results")


@staff_only
@require_POST
def install(request: HttpRequest, name: str) -> HttpResponse:
    """POST /staff/engines/NAME/install/"""
    engine = doing.install_engine(actor=staff_actor(request), name=name)
    messages.success(request, _("%(name)s is being installed.") % {"name": engine.title})
    return go(request, "console:staff-engines")


@staff_only
@require_POST
def remove(request: HttpRequest, name: str) -> HttpResponse:
    """POST /staff/engines/NAME/remove/"""
    engine = doing.remove_engine(actor=staff_actor(request), name=name)
    messages.success(request, _("%(name)s is being removed.") % {"name": engine.title})
    return go(request, "console:staff-engines")
