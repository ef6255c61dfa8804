"""The price book: what holds, what is announced, what that does."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from portal.accounts.actors import staff_actor
from portal.console.address import sent_of
from portal.console.attempts import attempt
from portal.console.page import go, page
from portal.console.staff import prices as building
from portal.console.staff.door import staff_only

_PAGE = "console/staff/prices.html"


@staff_only
@require_http_methods(["GET", "POST"])
def prices(request: HttpRequest) -> HttpResponse:
    """GET /staff/prices/; POST (at): what the change of that day does to last month"""
    actor = staff_actor(request)
    if request.method == "GET":
        return page(request, _PAGE, building.shown(actor), fragment="live")
    made, errors = attempt(lambda: building.begin(actor, sent_of(request)))
    if made is None:
        context = building.shown(actor) | {"errors": errors}
        return page(request, _PAGE, context, status=422)
    messages.success(request, _("A worker works it out."))
    return go(request, "console:staff-prices")
