"""Files of the costs of all, and the bucket of the provider that they go to."""

from __future__ import annotations

from typing import cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST, require_safe

from billing.focus import exports as doing
from billing.focus.files import file_for
from portal.accounts.actors import staff_actor
from portal.console import exports as building
from portal.console.address import asked_of, sent_of
from portal.console.attempts import attempt
from portal.console.limits import at_most
from portal.console.page import go, page
from portal.console.reauthentication import fresh_sign_in
from portal.console.staff.door import staff_only

_PAGE = "console/exports.html"


@staff_only
@require_safe
def exports(request: HttpRequest) -> HttpResponse:
    """GET /staff/exports/"""
    actor = staff_actor(request)
    return page(request, _PAGE, building.page(actor, None))


@staff_only
@require_POST
@fresh_sign_in
def save(request: HttpRequest) -> HttpResponse:
    """POST /staff/exports/bucket/: where the files go; 422."""
    actor, sent = staff_actor(request), sent_of(request)
    done, errors = attempt(lambda: doing.save_export(actor=actor, organisation=None, values=sent))
    if done is None:
        typed = {name: sent.get(name, "") for name in doing.FIELDS}
        context = building.page(actor, None, typed, errors)
        return page(request, _PAGE, context, fragment="form", status=422)
    messages.success(request, _("Saved. Try it, so that you know that it works."))
    return go(request, "console:staff-exports")


@staff_only
@require_POST
@at_most(30, "cost-export")
def trying(request: HttpRequest) -> HttpResponse:
    """POST /staff/exports/try/: writes a small object."""
    actor = staff_actor(request)
    outcome = doing.try_export(actor=actor, organisation=None)
    tell = messages.error if outcome.error else messages.success
    tell(request, building.told(outcome))
    return go(request, "console:staff-exports")


@staff_only
@require_POST
def remove(request: HttpRequest) -> HttpResponse:
    """POST /staff/exports/remove/"""
    actor = staff_actor(request)
    doing.remove_export(actor=actor, organisation=None)
    messages.success(request, _("Nothing more is sent. What lies in the bucket stays."))
    return go(request, "console:staff-exports")


@staff_only
@require_GET
def download(request: HttpRequest) -> HttpResponse:
    """GET /staff/exports/file/?version=&month=&format=&dataset="""
    actor = staff_actor(request)
    file = file_for(actor, None, asked_of(request))
    headers = {"Content-Disposition": f'attachment; filename="{file.name}"'}
    answer = StreamingHttpResponse(file.chunks, content_type=file.content_type, headers=headers)
    return cast(HttpResponse, answer)  # all that the door does with it, both kinds can
