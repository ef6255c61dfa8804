"""Files of costs of the organisation at hand, and the bucket that they go to."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST, require_safe

from billing.focus import exports as doing
from billing.focus.files import file_for
from portal.accounts.actors import actor_of
from portal.console import exports as building
from portal.console.address import asked_of, sent_of
from portal.console.attempts import attempt
from portal.console.limits import at_most
from portal.console.page import go, page
from portal.console.reauthentication import fresh_sign_in
from portal.console.scope import require_project

_PAGE = "console/exports.html"


@login_required
@require_safe
def exports(request: HttpRequest) -> HttpResponse:
    """GET /costs/exports/"""
    actor = actor_of(request)
    organisation = require_project(request, actor).organisation
    return page(request, _PAGE, building.page(actor, organisation))


@login_required
@require_POST
@fresh_sign_in
def save(request: HttpRequest) -> HttpResponse:
    """POST /costs/exports/bucket/: where the files go; 422."""
    actor, sent = actor_of(request), sent_of(request)
    organisation = require_project(request, actor).organisation
    done, errors = attempt(
        lambda: doing.save_export(actor=actor, organisation=organisation, values=sent)
    )
    if done is None:
        typed = {name: sent.get(name, "") for name in doing.FIELDS}
        context = building.page(actor, organisation, typed, errors)
        return page(request, _PAGE, context, fragment="form", status=422)
    messages.success(request, _("Saved. Try it, so that you know that it works."))
    return go(request, "console:exports")


@login_required
@require_POST
@at_most(30, "cost-export")
def trying(request: HttpRequest) -> HttpResponse:
    """POST /costs/exports/try/: writes a small object."""
    actor = actor_of(request)
    organisation = require_project(request, actor).organisation
    outcome = doing.try_export(actor=actor, organisation=organisation)
    tell = messages.error if outcome.error else messages.success
    tell(request, building.told(outcome))
    return go(request, "console:exports")


@login_required
@require_POST
def remove(request: HttpRequest) -> HttpResponse:
    """POST /costs/exports/remove/"""
    actor = actor_of(request)
    organisation = require_project(request, actor).organisation
    doing.remove_export(actor=actor, organisation=organisation)
    messages.success(request, _("Nothing more is sent. What lies in the bucket stays."))
    return go(request, "console:exports")


@login_required
@require_GET
def download(request: HttpRequest) -> HttpResponseBase:
    """GET /costs/exports/file/?version=&month=&format=&dataset="""
    actor = actor_of(request)
    organisation = require_project(request, actor).organisation
    file = file_for(actor, organisation, asked_of(request))
    headers = {"Content-Disposition": f'attachment; filename="{file.name}"'}
    return StreamingHttpResponse(file.chunks, content_type=file.content_type, headers=headers)
