"""Customers: their list, their pages, suspension."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from portal.accounts.actors import staff_actor
from portal.console.address import asked_of, sent_of
from portal.console.attempts import attempt
from portal.console.page import go, page
from portal.console.reauthentication import fresh_sign_in
from portal.console.staff import customers as building
from portal.console.staff.door import staff_only
from portal.tenancy import actions, oversight


@staff_only
@require_GET
def organisations(request: HttpRequest) -> HttpResponse:
    """GET /staff/organisations/?q=&state=&page="""
    context = building.organisations(staff_actor(request), asked_of(request))
    return page(request, "console/staff/organisations.html", context, fragment="results")


@staff_only
@require_GET
def organisation(request: HttpRequest, slug: str) -> HttpResponse:
    """GET /staff/organisations/SLUG/"""
    actor = staff_actor(request)
    found = oversight.organisation(actor, slug, seen="organisation")
    return page(request, "console/staff/organisation.html", building.overview(actor, found))


@staff_only
@require_GET
def people(request: HttpRequest, slug: str) -> HttpResponse:
    """GET /staff/organisations/SLUG/people/"""
    actor = staff_actor(request)
    found = oversight.organisation(actor, slug, seen="people")
    return page(request, "console/staff/people.html", building.people(actor, found))


@staff_only
@require_GET
def services(request: HttpRequest, slug: str) -> HttpResponse:
    """GET /staff/organisations/SLUG/services/?page="""
    actor = staff_actor(request)
    found = oversight.organisation(actor, slug, seen="services")
    context = building.services(actor, found, request.GET.get("page"))
    return page(request, "console/staff/services.html", context)


@staff_only
@require_POST
@fresh_sign_in
def suspend(request: HttpRequest, slug: str) -> HttpResponse:
    """POST /staff/organisations/SLUG/suspend/ (reason)"""
    return _turn(request, slug, suspended=True)


@staff_only
@require_POST
def lift(request: HttpRequest, slug: str) -> HttpResponse:
    """POST /staff/organisations/SLUG/lift/ (reason)"""
    return _turn(request, slug, suspended=False)


@staff_only
@require_POST
def bring_back(request: HttpRequest, slug: str) -> HttpResponse:
    """POST /staff/organisations/SLUG/bring-back/ (project, reason): of an archived organisation
    without `project`.
    """
    actor, sent = staff_actor(request), sent_of(request)
    found = oversight.organisation(actor, slug, seen="organisation")
    name, errors = attempt(lambda: building.bring_back(actor, found, sent))
    if name is None:
        context = building.overview(actor, found) | {"back": sent, "back_errors": errors}
        return page(request, "console/staff/organisation.html", context, status=422)
    messages.success(request, _("%(name)s is there again.") % {"name": name})
    return go(request, "console:staff-organisation", slug)


def _turn(request: HttpRequest, slug: str, *, suspended: bool) -> HttpResponse:
    actor, reason = staff_actor(request), request.POST.get("reason", "")
    found = oversight.organisation(actor, slug, seen="organisation")
    act = actions.suspend_organisation if suspended else actions.lift_suspension
    _done, errors = attempt(lambda: act(actor=actor, organisation=found, reason=reason))
    if errors:
        context = building.overview(actor, found) | {"errors": errors, "reason": reason}
        return page(request, "console/staff/organisation.html", context, status=422)
    said = _("%(name)s is suspended.") if suspended else _("%(name)s may act again.")
    messages.success(request, said % {"name": found.name})
    return go(request, "console:staff-organisation", slug)
