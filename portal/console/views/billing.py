"""The billing details of an organisation."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from billing.identity import actions
from portal.accounts.actors import actor_of
from portal.console import billing as building
from portal.console.address import asked_of, sent_of
from portal.console.attempts import attempt
from portal.console.limits import at_most
from portal.console.page import go, page
from portal.tenancy import access
from portal.tenancy.permissions import Permission

_PAGE = "console/billing.html"


@login_required
@require_GET
def details(request: HttpRequest, slug: str) -> HttpResponse:
    """GET /orgs/SLUG/billing/"""
    actor = actor_of(request)
    found = access.organisation(actor, slug, Permission.COST_VIEW)
    return page(request, _PAGE, building.details(actor, found))


@login_required
@require_GET
def meaning(request: HttpRequest, slug: str) -> HttpResponse:
    """GET /orgs/SLUG/billing/vat/?country=&vat_id=…: what these would mean for VAT"""
    actor, asked = actor_of(request), asked_of(request)
    found = access.organisation(actor, slug, Permission.COST_VIEW)
    context: dict[str, Any] = building.details(actor, found, asked or None)
    return page(request, _PAGE, context, fragment="vat")


@login_required
@require_POST
@at_most(60, "billing-details")
def edit(request: HttpRequest, slug: str) -> HttpResponse:
    """POST /orgs/SLUG/billing/edit/: 422 with what is wrong; with `preview`, only what it means"""
    actor, sent = actor_of(request), sent_of(request)
    found = access.organisation(actor, slug, Permission.BILLING_MANAGE)
    errors: dict[str, str] = {}
    if "preview" not in sent:
        done, errors = attempt(
            lambda: actions.update_identity(actor=actor, organisation=found, values=sent)
        )
        if done is not None:
            messages.success(request, _("Saved."))
            return go(request, "console:billing", slug)
    context = building.details(actor, found, sent, errors)
    return page(request, _PAGE, context, fragment="form", status=422 if errors else 200)
