"""Kubernetes clusters as regions: add one, set it, replace its kubeconfig, look at it now."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from portal.accounts.actors import staff_actor
from portal.console.address import sent_of
from portal.console.attempts import attempt
from portal.console.page import go, page
from portal.console.reauthentication import fresh_sign_in
from portal.console.staff import clusters as building
from portal.console.staff.door import staff_only
from services.instances.region_health import check_region
from services.regions import oversight

_FORM = require_http_methods(["GET", "POST"])
_HIDDEN = sensitive_post_parameters(*building.SECRETS)
_SETTINGS = "console/staff/region_settings.html"


@_HIDDEN
@staff_only
@_FORM
@fresh_sign_in
def add(request: HttpRequest) -> HttpResponse:
    """GET, POST /staff/regions/add/cluster/ (code, name, country, kubeconfig, settings …)"""
    actor, sent = staff_actor(request), sent_of(request)
    errors: dict[str, str] = {}
    if request.method == "POST":
        made, errors = attempt(lambda: building.add(actor, sent))
        if made is not None:
            messages.success(request, _("%(name)s is a region now.") % {"name": made.name})
            return go(request, "console:staff-region", made.code)
    context = building.add_form(sent, errors)
    status = 422 if errors else 200
    return page(request, "console/staff/region_add.html", context, status=status)


@_HIDDEN
@staff_only
@_FORM
@fresh_sign_in
def settings(request: HttpRequest, code: str) -> HttpResponse:
    """GET, POST /staff/regions/CODE/settings/ (settings, keys of the backup store)"""
    actor, sent = staff_actor(request), sent_of(request)
    found, errors = oversight.cluster(actor, code), dict[str, str]()
    if request.method == "POST":
        made, errors = attempt(lambda: building.change(actor, found, sent))
        if made is not None:
            messages.success(
                request, _("The settings of %(name)s are saved.") % {"name": made.name}
            )
            return go(request, "console:staff-region", code)
    context = building.settings_form(found, sent, errors)
    return page(request, _SETTINGS, context, status=422 if errors else 200)


@_HIDDEN
@staff_only
@require_POST
@fresh_sign_in
def kubeconfig(request: HttpRequest, code: str) -> HttpResponse:
    """POST /staff/regions/CODE/kubeconfig/ (kubeconfig, context, in_cluster)"""
    actor, sent = staff_actor(request), sent_of(request)
    found = oversight.cluster(actor, code)
    made, errors = attempt(lambda: building.replace(actor, found, sent))
    if made is None:
        context = building.settings_form(found, sent, errors)
        return page(request, _SETTINGS, context, status=422)
    messages.success(request, _("%(name)s has another kubeconfig.") % {"name": made.name})
    return go(request, "console:staff-region", code)


@staff_only
@require_POST
def check(request: HttpRequest, code: str) -> HttpResponse:
    """POST /staff/regions/CODE/check/: asks the backend, so it takes a moment."""
    check_region(oversight.region(staff_actor(request), code))
    return go(request, "console:staff-region", code)
