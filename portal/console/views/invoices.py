"""Invoices of the organisation at hand."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from billing import invoices as queries
from billing.einvoice.pages import page_of
from portal.accounts.actors import actor_of
from portal.console.page import page
from portal.console.scope import require_project


@login_required
@require_safe
def invoices(request: HttpRequest) -> HttpResponse:
    """GET /costs/invoices/?page="""
    actor = actor_of(request)
    organisation = require_project(request, actor).organisation
    rows = queries.invoices_for(actor, organisation)
    found = Paginator(rows, 50).get_page(request.GET.get("page"))
    return page(request, "console/invoices.html", {"organisation": organisation, "found": found})


@login_required
@require_safe
def invoice(request: HttpRequest, number: str) -> HttpResponse:
    """GET /costs/invoices/NUMBER/"""
    row = queries.invoice_for(actor_of(request), number)
    context = {
        "invoice": row,
        "sheet": page_of(queries.document_of(row)),
        "formats": queries.formats_of(row),
        "crumbs": [(_("Invoices"), reverse("console:invoices"))],
    }
    return page(request, "console/invoice.html", context)


@login_required
@require_safe
def document(request: HttpRequest, number: str, name: str) -> HttpResponse:
    """GET /costs/invoices/NUMBER/FORMAT/: the file as it was issued."""
    row = queries.invoice_for(actor_of(request), number)
    file = queries.file_of(row, name)
    kind, ending = queries.FORMATS[name]
    headers = {"Content-Disposition": f'attachment; filename="{row.number}{ending}"'}
    return HttpResponse(bytes(file.content), content_type=kind, headers=headers)
