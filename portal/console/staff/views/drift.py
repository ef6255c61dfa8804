"""What others changed in the clusters of regions."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_http_methods

from portal.accounts.actors import staff_actor
from portal.console.address import asked_of
from portal.console.attempts import attempt
from portal.console.page import go, page
from portal.console.staff import drift as building
from portal.console.staff.door import staff_only

_PAGE = "console/staff/drift.html"


@staff_only
@require_http_methods(["GET", "POST"])
def drift(request: HttpRequest) -> HttpResponse:
    """GET /staff/drift/?page=; POST (id …, reason): they are put back as they were applied."""
    actor, sent = staff_actor(request), request.POST
    if request.method == "GET":
        return page(request, _PAGE, building.drifted(actor, asked_of(request)))
    ids, reason = sent.getlist("id"), sent.get("reason", "")
    done, errors = attempt(lambda: building.put_back(actor, ids, reason))
    if done is None:
        context = building.drifted(actor, {}) | {"errors": errors, "reason": reason, "chosen": ids}
        return page(request, _PAGE, context, status=422)
    if done.text:
        messages.success(request, done.text)
    for said in done.refused:
        messages.warning(request, said)
    return go(request, "console:staff-drift")
