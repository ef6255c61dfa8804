"""Keys of probers that run in a region's own cluster."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from portal.accounts.actors import staff_actor
from portal.console.attempts import attempt
from portal.console.page import go, page
from portal.console.reauthentication import fresh_sign_in
from portal.console.staff import regions as building
from portal.console.staff.door import staff_only
from services.regions import oversight, prober_keys


@staff_only
@require_POST
@fresh_sign_in
def make_key(request: HttpRequest, code: str) -> HttpResponse:
    """POST /staff/regions/CODE/prober-keys/: the answer shows the key, once."""
    actor = staff_actor(request)
    found = oversight.region(actor, code)
    made, errors = attempt(lambda: prober_keys.create_prober_key(actor=actor, region=found))
    if made is None:
        context = building.region(actor, found) | {"key_error": errors["key"]}
        return page(request, "console/staff/region.html", context, status=422)
    context = {"region": found, "text": made[1]}
    return page(request, "console/staff/prober_key_made.html", context)


@staff_only
@require_POST
def revoke_key(request: HttpRequest, public_id: str) -> HttpResponse:
    """POST /staff/prober-keys/ID/revoke/"""
    key = prober_keys.revoke_prober_key(actor=staff_actor(request), public_id=public_id)
    messages.success(request, _("The key %(id)s is revoked.") % {"id": key.public_id})
    return go(request, "console:staff-region", key.region.code)
