"""Invoices, and their documents."""

from __future__ import annotations

from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from billing.invoices import queries
from portal.api.answers import json_response
from portal.api.base import View
from portal.api.contract import ORGANISATION, Query, contract
from portal.api.pagination import Order, paged
from portal.api.scope import organisation_of
from portal.api.serializers import invoices as shapes
from portal.tenancy.permissions import Permission
from services.spec import gettext_noop

_FORMATS = (*queries.FORMATS, *queries.MADE)


class Invoices(View):
    @contract(
        gettext_noop("List invoices, newest first"),
        {200: "Invoice"},
        description=gettext_noop("Drafts, too: they have no number yet and may change."),
        permission=Permission.INVOICE_VIEW,
        query=(ORGANISATION,),
        listing=True,
    )
    def get(self, request: object) -> HttpResponse:
        slug = self.query.get("organisation")
        organisation = organisation_of(self.actor, slug, Permission.INVOICE_VIEW)
        rows = queries.invoices_for(self.actor, organisation)
        rows = rows.select_related("organisation", "corrects").defer("corrects__document")
        return paged(self, rows, Order(), shapes.invoices)


class Invoice(View):
    @contract(
        gettext_noop("Read an invoice"),
        {200: "InvoiceDetails"},
        description=gettext_noop("By its number; a draft by its id."),
        permission=Permission.INVOICE_VIEW,
    )
    def get(self, request: object, number: str) -> HttpResponse:
        row = queries.invoice_for(self.actor, number)
        return json_response(shapes.invoice(row, list(queries.MADE)))


class Document(View):
    @contract(
        gettext_noop("Download an invoice"),
        {200: ""},
        description=gettext_noop(
            "The file as it was issued: the PDF with its Factur-X XML, or the XML of a profile. "
            "`html` stands alone and shows the days behind each line; `csv` has every cost line. "
            "A draft has these two only."
        ),
        permission=Permission.INVOICE_VIEW,
        query=(Query("format", gettext_noop("`pdf` when left out."), choices=_FORMATS),),
    )
    def get(self, request: object, number: str) -> HttpResponseBase:
        row = queries.invoice_for(self.actor, number)
        made = queries.rendered(row, self.query.get("format", queries.PDF))
        headers = {"Content-Disposition": f'attachment; filename="{made.filename}"'}
        answer = StreamingHttpResponse if made.is_long else HttpResponse
        return answer(made.parts, content_type=made.content_type, headers=headers)
