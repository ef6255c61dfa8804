"""The provider's legal identity, and what proves who customers are."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from portal.accounts.actors import staff_actor
from portal.console.address import sent_of
from portal.console.attempts import attempt
from portal.console.page import go, page
from portal.console.staff import billing as building
from portal.console.staff.door import staff_only
from portal.tenancy import oversight

_PAGE = "console/staff/organisation_billing.html"


@staff_only
@require_GET
def seller(request: HttpRequest) -> HttpResponse:
    """GET /staff/billing/?page="""
    context = building.seller(staff_actor(request), request.GET.get("page"))
    return page(request, "console/staff/billing.html", context)


@staff_only
@require_GET
def buyer(request: HttpRequest, slug: str) -> HttpResponse:
    """GET /staff/organisations/SLUG/billing/"""
    actor = staff_actor(request)
    found = oversight.organisation(actor, slug, seen="billing")
    return page(request, _PAGE, building.buyer(actor, found))


@staff_only
@require_POST
def act(request: HttpRequest, slug: str, what: str) -> HttpResponse:
    """POST /staff/organisations/SLUG/billing/WHAT/: consultation, vies, vat-id, proof or drop"""
    actor, sent = staff_actor(request), sent_of(request)
    found = oversight.organisation(actor, slug, seen="billing")
    done, errors = attempt(lambda: building.act(actor, found, what, sent))
    if done is None:
        context = building.buyer(actor, found, sent | {"what": what}, errors)
        return page(request, _PAGE, context, status=422)
    messages.success(request, _("Saved."))
    return go(request, "console:staff-organisation-billing", slug)
