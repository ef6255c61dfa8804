"""What the pages of exports answer: those of an organisation, and those of the provider, which are
given none. Whoever asks has passed the door of the page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.utils.translation import gettext as _

from billing.focus import exports as doing
from billing.focus.files import file_for
from portal.console import exports as building
from portal.console.address import asked_of, sent_of
from portal.console.attempts import attempt
from portal.console.page import go, page
from portal.kernel.actor import Actor

if TYPE_CHECKING:
    from portal.tenancy.models import Organisation

_PAGE = "console/exports.html"


def shown(request: HttpRequest, actor: Actor, organisation: Organisation | None) -> HttpResponse:
    return page(request, _PAGE, building.page(actor, organisation))


def saved(request: HttpRequest, actor: Actor, organisation: Organisation | None) -> HttpResponse:
    """422 with the form where something is wrong with it."""
    sent = sent_of(request)
    done, errors = attempt(
        lambda: doing.save_export(actor=actor, organisation=organisation, values=sent)
    )
    if done is None:
        typed = {name: sent.get(name, "") for name in doing.FIELDS}
        context = building.page(actor, organisation, typed, errors)
        return page(request, _PAGE, context, fragment="form", status=422)
    messages.success(request, _("Saved. Try it, so that you know that it works."))
    return _back(request, organisation)


def tried(request: HttpRequest, actor: Actor, organisation: Organisation | None) -> HttpResponse:
    """Writes a small object."""
    outcome = doing.try_export(actor=actor, organisation=organisation)
    tell = messages.error if outcome.error else messages.success
    tell(request, building.told(outcome))
    return _back(request, organisation)


def removed(request: HttpRequest, actor: Actor, organisation: Organisation | None) -> HttpResponse:
    doing.remove_export(actor=actor, organisation=organisation)
    messages.success(request, _("Nothing more is sent. What lies in the bucket stays."))
    return _back(request, organisation)


def file(
    request: HttpRequest, actor: Actor, organisation: Organisation | None
) -> StreamingHttpResponse:
    found = file_for(actor, organisation, asked_of(request))
    headers = {"Content-Disposition": f'attachment; filename="{found.name}"'}
    return StreamingHttpResponse(found.chunks, content_type=found.content_type, headers=headers)


def _back(request: HttpRequest, organisation: Organisation | None) -> HttpResponse:
    return go(request, "console:exports" if organisation else "console:staff-exports")
