"""Reserved capacity of the organisation at hand."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from billing.commitments import actions
from billing.commitments.queries import commitment_for
from portal.accounts.actors import actor_of
from portal.console import commitments as building
from portal.console.address import asked_of, sent_of
from portal.console.attempts import attempt
from portal.console.page import go, page
from portal.console.reauthentication import fresh_sign_in
from portal.console.scope import require_project
from portal.tenancy import access
from portal.tenancy.permissions import Permission

_PAGE = "console/commitments.html"


@login_required
@require_safe
def commitments(request: HttpRequest) -> HttpResponse:
    """GET /costs/commitments/?offering=&plan=&pieces=&region=&term=&upfront="""
    actor = actor_of(request)
    organisation = require_project(request, actor).organisation
    context = building.overview(actor, organisation, asked_of(request))
    return page(request, _PAGE, context, fragment="form")


@login_required
@require_POST
@fresh_sign_in
def purchase(request: HttpRequest) -> HttpResponse:
    """POST /costs/commitments/buy/: the same fields and `agreed`, in cents; 422"""
    actor, sent = actor_of(request), sent_of(request)
    organisation = require_project(request, actor).organisation
    access.require_in_organisation(actor, organisation, Permission.BILLING_MANAGE)
    made, errors = attempt(
        lambda: actions.purchase_commitment(
            actor=actor,
            organisation=organisation,
            wanted=building.wanted_of(sent),
            agreed_total=building.agreed_of(sent),
        )
    )
    if made is None:
        context = building.overview(actor, organisation, sent, errors)
        return page(request, _PAGE, context, fragment="form", status=422)
    messages.success(request, _("Reserved. It holds from the first day on."))
    return go(request, "console:commitments")


@login_required
@require_http_methods(["GET", "POST"])
@fresh_sign_in
def renew(request: HttpRequest, public_id: str) -> HttpResponse:
    """GET and POST /costs/commitments/ID/renew/ (agreed, in cents); 422"""
    actor, sent = actor_of(request), sent_of(request)
    found = commitment_for(actor, public_id, Permission.BILLING_MANAGE)
    errors: dict[str, str] = {}
    if request.method == "POST":
        agreed = building.agreed_of(sent)
        made, errors = attempt(
            lambda: actions.renew_commitment(actor=actor, commitment=found, agreed_total=agreed)
        )
        if made is not None:
            messages.success(request, _("Renewed."))
            return go(request, "console:commitments")
    context = building.renewal(actor, found, errors)
    status = 422 if request.method == "POST" else 200
    return page(request, "console/commitment_renew.html", context, status=status)
