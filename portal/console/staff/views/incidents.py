"""Incidents and planned work on the public status page."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from portal.accounts.actors import staff_actor
from portal.console.address import sent_of
from portal.console.attempts import attempt
from portal.console.page import go, page
from portal.console.staff import incidents as building
from portal.console.staff.door import staff_only
from portal.status import actions, queries

_FORM = require_http_methods(["GET", "POST"])


@staff_only
@require_GET
def incidents(request: HttpRequest) -> HttpResponse:
    """GET /staff/incidents/?page="""
    context = building.overview(request.GET.get("page"))
    return page(request, "console/staff/incidents.html", context)


@staff_only
@_FORM
def new_incident(request: HttpRequest) -> HttpResponse:
    """GET, POST /staff/incidents/new/ (title, text, state, impact, region …, family …)"""
    actor, sent = staff_actor(request), sent_of(request)
    where = request.POST.getlist("region"), request.POST.getlist("family")
    errors: dict[str, str] = {}
    if request.method == "POST":
        made, errors = attempt(lambda: building.open_incident(actor, sent, *where))
        if made is not None:
            messages.success(request, _("Everybody can read it on the status page now."))
            return go(request, "console:staff-incident", made.public_id)
    context = building.new_incident(actor, sent, *where, errors)
    status = 422 if errors else 200
    return page(request, "console/staff/incident_new.html", context, status=status)


@staff_only
@_FORM
def incident(request: HttpRequest, public_id: str) -> HttpResponse:
    """GET, POST /staff/incidents/ID/ (text, state, impact)"""
    actor, sent = staff_actor(request), sent_of(request)
    found, errors = queries.incident(public_id), dict[str, str]()
    if request.method == "POST":
        made, errors = attempt(lambda: building.update(actor, found, sent))
        if made is not None:
            messages.success(request, _("Everybody can read it on the status page now."))
            return go(request, "console:staff-incident", public_id)
    context = building.incident(actor, found, sent, errors)
    return page(request, "console/staff/incident.html", context, status=422 if errors else 200)


@staff_only
@_FORM
def new_work(request: HttpRequest) -> HttpResponse:
    """GET, POST /staff/work/new/ (title, text, starts_at, ends_at, region …, family …)"""
    actor, sent = staff_actor(request), sent_of(request)
    where = request.POST.getlist("region"), request.POST.getlist("family")
    errors: dict[str, str] = {}
    if request.method == "POST":
        made, errors = attempt(lambda: building.plan(actor, sent, *where))
        if made is not None:
            messages.success(request, _("Announced on the status page."))
            return go(request, "console:staff-incidents")
    context = building.new_work(actor, sent, *where, errors)
    return page(request, "console/staff/work_new.html", context, status=422 if errors else 200)


@staff_only
@_FORM
def work(request: HttpRequest, public_id: str) -> HttpResponse:
    """GET, POST /staff/work/ID/ (title, text, starts_at, ends_at)"""
    actor, sent = staff_actor(request), sent_of(request)
    found, errors = queries.maintenance(public_id), dict[str, str]()
    if request.method == "POST":
        made, errors = attempt(lambda: building.change(actor, found, sent))
        if made is not None:
            messages.success(request, _("Changed on the status page."))
            return go(request, "console:staff-work", public_id)
    context = building.work(found, sent, errors)
    return page(request, "console/staff/work.html", context, status=422 if errors else 200)


@staff_only
@require_POST
def cancel_work(request: HttpRequest, public_id: str) -> HttpResponse:
    """POST /staff/work/ID/cancel/"""
    found = queries.maintenance(public_id)
    actions.cancel_maintenance(actor=staff_actor(request), maintenance=found)
    messages.success(request, _("Cancelled; the status page says so."))
    return go(request, "console:staff-work", public_id)


@staff_only
@require_POST
def end_work(request: HttpRequest, public_id: str) -> HttpResponse:
    """POST /staff/work/ID/end/"""
    found = queries.maintenance(public_id)
    actions.end_maintenance(actor=staff_actor(request), maintenance=found)
    messages.success(request, _("Done; the status page says so."))
    return go(request, "console:staff-work", public_id)
