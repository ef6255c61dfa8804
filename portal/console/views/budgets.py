"""Budgets, and orders that wait for approval."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from billing.budgets import actions, queries
from billing.orders import approvals
from portal.accounts.actors import actor_of
from portal.console import budgets as building
from portal.console.attempts import FORM, attempt
from portal.console.page import go, page
from portal.console.scope import require_project
from portal.tenancy import access
from portal.tenancy.permissions import Permission


@login_required
@require_GET
def budgets(request: HttpRequest) -> HttpResponse:
    """GET /costs/budgets/"""
    actor = actor_of(request)
    organisation = require_project(request, actor).organisation
    return page(request, "console/budgets.html", building.listing(actor, organisation))


@login_required
@require_http_methods(["GET", "POST"])
def create(request: HttpRequest) -> HttpResponse:
    """GET and POST /costs/budgets/new/; 422"""
    actor = actor_of(request)
    project = require_project(request, actor)
    access.require(actor, project, Permission.BILLING_MANAGE)
    organisation, typed = project.organisation, None
    errors: dict[str, str] = {}
    if request.method == "POST":
        typed = building.typed_in(request.POST)
        made, errors = attempt(lambda: building.create(actor, organisation, typed or {}))
        if made is not None:
            return go(request, "console:budget", made.public_id)
    context = building.new(actor, organisation, typed, errors)
    status = 422 if errors else 200
    return page(request, "console/budget_new.html", context, status=status)


@login_required
@require_http_methods(["GET", "POST"])
def budget(request: HttpRequest, public_id: str) -> HttpResponse:
    """GET and POST /costs/budgets/ID/: where it stands, and what it says; 422"""
    actor = actor_of(request)
    found = queries.budget_for(actor, public_id)
    typed, errors = None, dict[str, str]()
    if request.method == "POST":
        typed = building.typed_in(request.POST)
        made, errors = attempt(lambda: building.change(actor, found, typed or {}))
        if made is not None:
            messages.success(request, _("Saved. It holds from now on."))
            return go(request, "console:budget", public_id)
    context = building.one(actor, found, typed, errors)
    return page(request, "console/budget.html", context, status=422 if errors else 200)


@login_required
@require_GET
def rehearsal(request: HttpRequest, public_id: str) -> HttpResponse:
    """GET /costs/budgets/ID/dry-run/: what it would do now"""
    found = queries.budget_for(actor_of(request), public_id)
    return page(request, "console/budget_rehearsal.html", building.rehearsal(found))


@login_required
@require_http_methods(["GET", "POST"])
def delete(request: HttpRequest, public_id: str) -> HttpResponse:
    """GET and POST /costs/budgets/ID/delete/: asks, then deletes."""
    actor = actor_of(request)
    found = queries.budget_for(actor, public_id)
    access.require_at(actor, found.organisation, found.project, Permission.BILLING_MANAGE)
    if request.method == "GET":
        return page(request, "console/budget_delete.html", {"budget": found})
    actions.delete_budget(actor=actor, budget=found)
    messages.success(request, _("The budget was deleted."))
    return go(request, "console:budgets")


@login_required
@require_POST
def decide(request: HttpRequest, public_id: str) -> HttpResponse:
    """POST /costs/budgets/orders/ID/ (to=approve|refuse, reason)"""
    actor = actor_of(request)
    order = queries.order_for(actor, public_id)
    if request.POST.get("to") == "approve":
        made, errors = attempt(lambda: approvals.approve_order(actor=actor, order=order))
        if made is not None:
            return go(request, "console:service", made.instance.public_id)
    else:
        reason = request.POST.get("reason", "").replace("\0", "")
        _done, errors = attempt(
            lambda: approvals.refuse_order(actor=actor, order=order, reason=reason)
        )
    if errors:
        messages.error(request, errors.get(FORM, ""))
    return go(request, "console:budgets")
