"""Operations and services of all tenants."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from portal.accounts.actors import staff_actor
from portal.console.address import asked_of
from portal.console.attempts import attempt
from portal.console.page import go, page
from portal.console.reauthentication import fresh_sign_in
from portal.console.staff import work as building
from portal.console.staff.door import staff_only
from services.instances import oversight


@staff_only
@require_GET
def operations(request: HttpRequest) -> HttpResponse:
    """GET /staff/operations/?show=stuck|failed|services&page="""
    context = building.operations(staff_actor(request), asked_of(request))
    return page(request, "console/staff/operations.html", context)


@staff_only
@require_POST
def bulk(request: HttpRequest) -> HttpResponse:
    """POST /staff/operations/bulk/ (action, id …, reason, back)"""
    actor, sent = staff_actor(request), request.POST
    ids, reason = sent.getlist("id"), sent.get("reason", "")
    done, errors = attempt(lambda: building.run(actor, sent.get("action", ""), ids, reason))
    if done is None:
        context = building.operations(actor, {"show": sent.get("back", "")})
        context |= {"errors": errors, "reason": reason, "chosen": ids}
        return page(request, "console/staff/operations.html", context, status=422)
    if done.text:
        messages.success(request, done.text)
    for said in done.refused:
        messages.warning(request, said)
    return go(request, "console:staff-operations")


@staff_only
@require_GET
def operation(request: HttpRequest, public_id: str) -> HttpResponse:
    """GET /staff/operations/ID/"""
    actor = staff_actor(request)
    context = building.operation(actor, oversight.operation(actor, public_id))
    return page(request, "console/staff/operation.html", context, fragment="operation")


@staff_only
@require_GET
def service(request: HttpRequest, public_id: str) -> HttpResponse:
    """GET /staff/services/ID/"""
    actor = staff_actor(request)
    context = building.service(actor, oversight.instance(actor, public_id))
    return page(request, "console/staff/service.html", context)


@staff_only
@require_POST
@fresh_sign_in
def destroy(request: HttpRequest, public_id: str) -> HttpResponse:
    """POST /staff/services/ID/destroy/ (name, reason)"""
    actor, sent = staff_actor(request), request.POST.dict()
    found = oversight.instance(actor, public_id)
    name, reason = str(sent.get("name", "")), str(sent.get("reason", ""))
    made, errors = attempt(lambda: building.destroy(actor, found, name, reason))
    if made is None:
        context = building.service(actor, found) | {"errors": errors, "sent": sent}
        return page(request, "console/staff/service.html", context, status=422)
    messages.success(request, _("%(name)s is being destroyed.") % {"name": found.name})
    return go(request, "console:staff-operation", made.public_id)
