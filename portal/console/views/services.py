"""The pages of one service."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from portal.accounts.actors import actor_of
from portal.console import address, orders
from portal.console import connection as connecting
from portal.console import costs as spending
from portal.console import events as happening
from portal.console import metrics as measuring
from portal.console import operations as cards
from portal.console import service as building
from portal.console import sla as promises
from portal.console.limits import at_most
from portal.console.page import page
from portal.console.reauthentication import fresh_sign_in
from portal.tenancy.permissions import Permission
from services.instances import credentials, queries
from services.instances.operations import operations_for
from services.instances.specs import entry_of


def _one(
    request: HttpRequest, public_id: str, permission: Permission = Permission.INSTANCE_VIEW
) -> Any:
    instance = queries.instance_for(actor_of(request), public_id, permission)
    request.project = instance.project  # type: ignore[attr-defined]  # read by the shell
    return instance


@login_required
@require_GET
def service(request: HttpRequest, public_id: str) -> HttpResponse:
    """GET /services/ID/"""
    instance = _one(request, public_id)
    context = building.frame(actor_of(request), instance, "overview")
    context |= connecting.connection(instance)
    context["events"] = happening.newest(instance)
    context |= promises.of_service(instance)
    return page(request, "console/service.html", context, fragment="live")


@login_required
@require_GET
def connection(request: HttpRequest, public_id: str) -> HttpResponse:
    """GET /services/ID/connection/?client=: the fragments are the card, and the client's code."""
    instance = _one(request, public_id)
    context = building.frame(actor_of(request), instance, "connection")
    context |= connecting.connection(instance, client=request.GET.get("client", ""))
    fragment = "clients" if "client" in request.GET else "connection"
    return page(request, "console/service_connection.html", context, fragment=fragment)


@login_required
@never_cache
@require_POST
@fresh_sign_in
@at_most(120, "reveal")
def reveal(request: HttpRequest, public_id: str) -> HttpResponse:
    """POST /services/ID/reveal/: the secrets, audited; the whole connection page without htmx."""
    actor, instance = actor_of(request), _one(request, public_id)
    shown = credentials.reveal_credentials(actor, instance)
    context = building.frame(actor, instance, "connection")
    context |= connecting.connection(instance, shown)
    return page(request, "console/service_connection.html", context, fragment="connection")


@login_required
@require_GET
def certificate(request: HttpRequest, public_id: str) -> HttpResponse:
    """GET /services/ID/ca.pem: the CA certificates to trust."""
    found = credentials.authority_of(_one(request, public_id))
    response = HttpResponse(found, content_type="application/x-pem-file")
    response["Content-Disposition"] = 'attachment; filename="polder-ca.pem"'
    return response


@login_required
@require_GET
def metrics(request: HttpRequest, public_id: str) -> HttpResponse:
    """GET /services/ID/metrics/?span="""
    instance, asked = _one(request, public_id), address.asked_of(request)
    context = building.frame(actor_of(request), instance, "metrics")
    context |= measuring.metrics(instance, asked)
    response = page(request, "console/service_metrics.html", context, fragment="results")
    return address.show(request, response, address.query_of(asked, ("span",)))


@login_required
@require_GET
def settings(request: HttpRequest, public_id: str) -> HttpResponse:
    """GET /services/ID/settings/; with `plan` and parameters, what that change would cost."""
    actor, instance = actor_of(request), _one(request, public_id)
    context = building.frame(actor, instance, "settings")
    if context["can"].edit:
        context |= orders.change_form(actor, instance, entry_of(instance), request.GET, {})
    fragment = "summary" if context["can"].edit else ""
    return page(request, "console/service_settings.html", context, fragment=fragment)


@login_required
@require_GET
def events(request: HttpRequest, public_id: str) -> HttpResponse:
    """GET /services/ID/events/?kind=&page="""
    instance, asked = _one(request, public_id), address.asked_of(request)
    context = building.frame(actor_of(request), instance, "events")
    context |= happening.events(instance, asked)
    response = page(request, "console/service_events.html", context, fragment="results")
    return address.show(request, response, address.query_of(asked, happening.FILTERS))


@login_required
@require_GET
def costs(request: HttpRequest, public_id: str) -> HttpResponse:
    """GET /services/ID/costs/?month="""
    actor, instance, asked = actor_of(request), _one(request, public_id), address.asked_of(request)
    spent = spending.of_service(actor, instance, asked)
    context = building.frame(actor, instance, "costs") | spent
    response = page(request, "console/service_costs.html", context, fragment="results")
    return address.show(request, response, address.query_of(asked, ("month",)))


@login_required
@require_GET
def operations(request: HttpRequest, public_id: str) -> HttpResponse:
    """GET /services/ID/operations/?page="""
    actor, instance = actor_of(request), _one(request, public_id)
    context = building.frame(actor, instance, "operations")
    rows = operations_for(actor, instance=instance.public_id)
    context["found"] = Paginator(rows, 50).get_page(request.GET.get("page"))
    context["cards"] = cards.cards(context["found"])
    return page(request, "console/service_operations.html", context)
