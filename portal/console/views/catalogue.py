"""What can be ordered, and the order itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_GET, require_http_methods, require_safe

from portal.accounts.actors import actor_of
from portal.console import address, orders
from portal.console import catalogue as building
from portal.console import offering as describing
from portal.console.page import go, page
from portal.console.scope import current_project, organisation_at_hand, require_project
from portal.kernel.errors import BudgetExceeded, Invalid, QuotaExceeded
from portal.tenancy import access
from portal.tenancy.permissions import Permission
from services import registry
from services.spec import Entry

if TYPE_CHECKING:
    from services.instances.models import Operation


@require_safe
@cache_control(public=True, max_age=60)
def catalogue(request: HttpRequest) -> HttpResponse:
    """GET /catalogue/?q=&family=&here=&ha=&free=: no login"""
    asked = address.asked_of(request)
    context = building.catalogue(asked) | {"may_order": _may_order(request)}
    response = page(request, "console/catalogue.html", context, fragment="results")
    return address.show(request, response, address.query_of(asked, building.FILTERS))


@require_safe
@cache_control(public=True, max_age=60)
def offering(request: HttpRequest, slug: str) -> HttpResponse:
    """GET /catalogue/SLUG/?region=: no login"""
    reader = organisation_at_hand(request)
    context = describing.offering(_entry(slug), request.GET.get("region", ""), reader)
    context["may_order"] = _may_order(request)
    return page(request, "console/offering.html", context)


@login_required
@require_http_methods(["GET", "POST"])
def order(request: HttpRequest, slug: str) -> HttpResponse:
    """GET and POST /catalogue/SLUG/order/; with `quote`, only what it would cost."""
    actor = actor_of(request)
    project, entry = require_project(request, actor), _entry(slug)
    data = request.POST if request.method == "POST" else request.GET
    errors: dict[str, str] = {}
    if request.method == "POST" and "quote" not in request.POST:
        try:
            operation = orders.place(actor, project, entry, request.POST)
        except Invalid as error:
            errors = error.fields
        except (QuotaExceeded, BudgetExceeded) as error:
            errors = {"quota": f"{error.text} {error.hint}"}
        else:
            return _placed(request, operation)
    context = orders.form(actor, project, entry, data, errors)
    status = 422 if errors else 200
    return page(request, "console/order.html", context, fragment="form", status=status)


def _placed(request: HttpRequest, operation: Operation | None) -> HttpResponse:
    """To the service; to the orders that wait for one that needs approval first."""
    if operation is not None:
        return go(request, "console:service", operation.instance.public_id)
    messages.success(request, _("The order waits for approval. You hear of it when it is decided."))
    return go(request, "console:budgets")


@login_required
@require_GET
def price(request: HttpRequest, slug: str) -> HttpResponse:
    """GET /catalogue/SLUG/price/: the price panel of the order form."""
    actor = actor_of(request)
    project = require_project(request, actor)
    context = orders.form(actor, project, _entry(slug), request.GET, {})
    return page(request, "console/order.html", context, fragment="summary")


def _may_order(request: HttpRequest) -> bool:
    """Whether the reader may order in the project at hand; visitors may not. Two queries."""
    if not request.user.is_authenticated:
        return False
    actor = actor_of(request)
    project = current_project(request, actor)
    held = access.permissions_in(actor, project) if project else frozenset()
    return Permission.INSTANCE_CREATE in held


def _entry(slug: str) -> Entry:
    try:
        return registry.get(slug)
    except KeyError as error:
        raise Http404 from error
