"""What could cost less."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from billing.advice import actions, queries
from portal.accounts.actors import actor_of
from portal.console import advice as building
from portal.console.address import asked_of, query_of, sent_of, show
from portal.console.attempts import attempt
from portal.console.page import go, page
from portal.console.scope import require_project

_ONE = "console/advice_one.html"


@login_required
@require_safe
def advice(request: HttpRequest) -> HttpResponse:
    """GET /costs/advice/?status=&kind=&page="""
    actor, asked = actor_of(request), asked_of(request)
    organisation = require_project(request, actor).organisation
    context = building.advice(actor, organisation, asked)
    response = page(request, "console/advice.html", context, fragment="results")
    return show(request, response, query_of(asked, building.FILTERS))


@login_required
@require_safe
def one(request: HttpRequest, public_id: str) -> HttpResponse:
    """GET /costs/advice/ID/: its figures, and what following it means."""
    actor = actor_of(request)
    row = queries.advice_called(actor, public_id)
    return page(request, _ONE, building.one(actor, row, {}, {}))


@login_required
@require_POST
def apply(request: HttpRequest, public_id: str) -> HttpResponse:
    """POST /costs/advice/ID/apply/: the change that it proposes."""
    actor = actor_of(request)
    row = queries.advice_called(actor, public_id)
    operation = actions.apply_advice(actor=actor, advice=row)
    return go(request, "console:operation", operation.public_id)


@login_required
@require_POST
def dismiss(request: HttpRequest, public_id: str) -> HttpResponse:
    """POST /costs/advice/ID/dismiss/ (reason, days); 422 with what is wrong."""
    actor, sent = actor_of(request), sent_of(request)
    row = queries.advice_called(actor, public_id)
    done, faults = attempt(lambda: building.dismiss(actor, row, sent))
    if done is None:
        return page(request, _ONE, building.one(actor, row, faults, sent), status=422)
    messages.success(request, _("Put away."))
    return go(request, "console:advice")
