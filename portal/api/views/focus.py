"""Costs in the form of FOCUS."""

from __future__ import annotations

from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase

from billing.focus.columns import VERSIONS, Dataset
from billing.focus.files import file_for
from billing.focus.writing import FORMATS
from portal.api.base import View
from portal.api.contract import ORGANISATION, Query, contract
from portal.api.errors import Fault, InvalidQuery
from portal.api.scope import organisation_of
from portal.kernel.errors import Invalid
from portal.tenancy.permissions import Permission
from services.spec import gettext_noop

_FORMS = tuple(FORMATS)
_DATASETS = tuple(one.value for one in Dataset)


class Focus(View):
    @contract(
        gettext_noop("Download costs as FOCUS"),
        {200: ""},
        description=gettext_noop(
            "What is billed in a month, as the FOCUS specification wants it: a row for each day, "
            "service, meter and tier, with exact amounts, net; the VAT of an issued invoice is a "
            "row of its own. 1.4 has more datasets than the charges."
        ),
        permission=Permission.COST_VIEW,
        query=(
            ORGANISATION,
            Query("version", gettext_noop("Of FOCUS; 1.2 when left out."), choices=VERSIONS),
            Query("month", gettext_noop("`YYYY-MM`; this month when left out."), "text", maximum=7),
            Query("format", gettext_noop("`csv` when left out."), choices=_FORMS),
            Query("dataset", gettext_noop("`cost-and-usage` when left out."), choices=_DATASETS),
        ),
    )
    def get(self, request: object) -> HttpResponseBase:
        slug = self.query.get("organisation")
        organisation = organisation_of(self.actor, slug, Permission.ORGANISATION_VIEW)
        try:
            file = file_for(self.actor, organisation, self.query)
        except Invalid as error:  # here the fields stand in the query
            faults = [
                Fault(pointer=f"?{name}", code="invalid", detail=text)
                for name, text in error.fields.items()
            ]
            raise InvalidQuery(faults) from error
        headers = {"Content-Disposition": f'attachment; filename="{file.name}"'}
        return StreamingHttpResponse(file.chunks, content_type=file.content_type, headers=headers)
