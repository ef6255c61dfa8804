"""What usage needs of staff, and the keys of meters."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from billing.usage import meter_keys, quarantine
from portal.accounts.actors import staff_actor
from portal.console.address import sent_of
from portal.console.attempts import attempt
from portal.console.page import go, page
from portal.console.reauthentication import fresh_sign_in
from portal.console.staff import usage as building
from portal.console.staff.door import staff_only

_PAGE = "console/staff/usage.html"


@staff_only
@require_GET
def usage(request: HttpRequest) -> HttpResponse:
    """GET /staff/usage/?page="""
    context = building.overview(staff_actor(request), request.GET.get("page"))
    return page(request, _PAGE, context)


@staff_only
@require_POST
@fresh_sign_in
def make_key(request: HttpRequest) -> HttpResponse:
    """POST /staff/usage/meters/ (source): the answer shows the key, once."""
    actor, sent = staff_actor(request), sent_of(request)
    made, errors = attempt(
        lambda: meter_keys.create_meter_key(actor=actor, source=sent.get("source", ""))
    )
    if made is None:
        context = building.overview(actor, None, sent, errors)
        return page(request, _PAGE, context, status=422)
    key, text = made
    return page(request, "console/staff/meter_key_made.html", {"key": key, "text": text})


@staff_only
@require_POST
def revoke_key(request: HttpRequest, public_id: str) -> HttpResponse:
    """POST /staff/usage/meters/ID/revoke/"""
    key = meter_keys.revoke_meter_key(actor=staff_actor(request), public_id=public_id)
    messages.success(request, _("The key of “%(name)s” is revoked.") % {"name": key.source})
    return go(request, "console:staff-usage")


@staff_only
@require_POST
def settle(request: HttpRequest, public_id: str) -> HttpResponse:
    """POST /staff/usage/quarantine/ID/settle/ (reason)"""
    actor, sent = staff_actor(request), sent_of(request)
    done, errors = attempt(
        lambda: quarantine.settle_conflict(
            actor=actor, public_id=public_id, reason=sent.get("reason", "")
        )
    )
    if done is None:
        context = building.overview(actor, None, sent | {"settle": public_id}, errors)
        return page(request, _PAGE, context, status=422)
    messages.success(request, _("Settled."))
    return go(request, "console:staff-usage")
