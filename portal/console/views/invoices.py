"""Invoices of the organisation at hand."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_safe

from billing.invoices import queries
from portal.accounts.actors import actor_of
from portal.console import invoices as building
from portal.console.owed import owed
from portal.console.page import page
from portal.console.scope import require_project

_LINE = "console/invoice_line.html"


@login_required
@require_safe
def invoices(request: HttpRequest) -> HttpResponse:
    """GET /costs/invoices/?page="""
    actor = actor_of(request)
    organisation = require_project(request, actor).organisation
    rows = queries.invoices_for(actor, organisation)
    found = Paginator(rows, 50).get_page(request.GET.get("page"))
    listed = [(row, owed(row)) for row in found]
    context = {"organisation": organisation, "found": found, "rows": listed}
    return page(request, "console/invoices.html", context)


@login_required
@require_safe
def invoice(request: HttpRequest, number: str) -> HttpResponse:
    """GET /costs/invoices/NUMBER/"""
    row = queries.invoice_for(actor_of(request), number)
    return page(request, "console/invoice.html", building.sheet(row))


@login_required
@require_safe
def line(request: HttpRequest, number: str, line: int) -> HttpResponse:
    """GET /costs/invoices/NUMBER/lines/LINE/: its tiers"""
    row = queries.invoice_for(actor_of(request), number)
    return page(request, _LINE, building.tiers(row, line), fragment="behind")


@login_required
@require_safe
def days(request: HttpRequest, number: str, line: int) -> HttpResponse:
    """GET /costs/invoices/NUMBER/lines/LINE/days/"""
    row = queries.invoice_for(actor_of(request), number)
    return page(request, _LINE, building.days(row, line), fragment="behind")


@login_required
@require_safe
def day(request: HttpRequest, number: str, line: int, day: str) -> HttpResponse:
    """GET /costs/invoices/NUMBER/lines/LINE/days/DAY/?page=: its services"""
    row = queries.invoice_for(actor_of(request), number)
    context = building.services(row, line, day, request.GET.get("page"))
    return page(request, _LINE, context, fragment="behind")


@login_required
@require_safe
def evidence(
    request: HttpRequest, number: str, line: int, day: str, public_id: str
) -> HttpResponse:
    """GET /costs/invoices/NUMBER/lines/LINE/days/DAY/SERVICE/: what happened"""
    row = queries.invoice_for(actor_of(request), number)
    context = building.evidence(row, line, day, public_id)
    return page(request, _LINE, context, fragment="behind")


@login_required
@require_safe
def document(request: HttpRequest, number: str, name: str) -> HttpResponseBase:
    """GET /costs/invoices/NUMBER/FORMAT/: the file as it was issued, or made of what was"""
    made = queries.rendered(queries.invoice_for(actor_of(request), number), name)
    headers = {"Content-Disposition": f'attachment; filename="{made.filename}"'}
    answer = StreamingHttpResponse if made.is_long else HttpResponse
    return answer(made.parts, content_type=made.content_type, headers=headers)
