"""Credit of the organisation at hand."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from billing.credits import vouchers
from portal.accounts.actors import actor_of
from portal.console import credits as building
from portal.console.address import sent_of
from portal.console.attempts import attempt
from portal.console.limits import at_most
from portal.console.page import go, page
from portal.console.scope import require_project
from portal.tenancy import access
from portal.tenancy.permissions import Permission

_PAGE = "console/credits.html"


@login_required
@require_safe
def credits(request: HttpRequest) -> HttpResponse:
    """GET /costs/credits/"""
    actor = actor_of(request)
    organisation = require_project(request, actor).organisation
    return page(request, _PAGE, building.overview(actor, organisation))


@login_required
@require_POST
@at_most(10, "voucher")
def redeem(request: HttpRequest) -> HttpResponse:
    """POST /costs/credits/redeem/ (code); 422"""
    actor, sent = actor_of(request), sent_of(request)
    organisation = require_project(request, actor).organisation
    access.require_in_organisation(actor, organisation, Permission.BILLING_MANAGE)
    made, errors = attempt(
        lambda: vouchers.redeem_voucher(
            actor=actor, organisation=organisation, code=sent.get("code", "")
        )
    )
    if made is None:
        context = building.overview(actor, organisation, sent, errors)
        return page(request, _PAGE, context, fragment="form", status=422)
    messages.success(request, _("Redeemed. The next invoices take from it."))
    return go(request, "console:credits")
