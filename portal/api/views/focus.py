"""Costs in the form of FOCUS."""

from __future__ import annotations

from datetime import date
from tempfile import TemporaryFile

from django.http import FileResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _

from billing.focus import queries, writing
from billing.focus.columns import VERSIONS, Dataset, datasets_of
from billing.focus.rows import Scope
from portal.api.base import View
from portal.api.contract import ORGANISATION, Query, contract
from portal.api.errors import Fault, InvalidQuery
from portal.api.scope import organisation_of
from portal.kernel import clock
from portal.tenancy.permissions import Permission
from services.spec import gettext_noop


def _fault(name: str, text: str) -> InvalidQuery:
    return InvalidQuery([Fault(pointer=f"?{name}", code="invalid", detail=text)])


def _month(text: str) -> date:
    """The first day of `YYYY-MM`; of this month when nothing is asked. Raises: InvalidQuery."""
    if not text:
        return clock.now().date().replace(day=1)
    try:
        month = date.fromisoformat(f"{text}-01")
    except ValueError as error:
        raise _fault("month", _("Write the month as YYYY-MM.")) from error
    if not 2000 < month.year < 2200:
        raise _fault("month", _("There is nothing of that time."))
    return month


def _dataset(version: str, name: str) -> Dataset:
    dataset = Dataset(name)
    if dataset not in datasets_of(version):
        text = _("FOCUS %(version)s has no dataset “%(name)s”.")
        raise _fault("dataset", text % {"version": version, "name": name})
    return dataset


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
            Query(
                "format",
                gettext_noop("`csv` when left out."),
                choices=tuple(writing.FORMATS),
            ),
            Query(
                "dataset",
                gettext_noop("`cost-and-usage` when left out."),
                choices=tuple(Dataset),
            ),
        ),
    )
    def get(self, request: object) -> HttpResponseBase:
        asked = self.query
        slug = asked.get("organisation")
        organisation = organisation_of(self.actor, slug, Permission.ORGANISATION_VIEW)
        version, form = asked.get("version", "1.2"), asked.get("format", writing.CSV)
        dataset = _dataset(version, asked.get("dataset", Dataset.COST_AND_USAGE))
        scope = queries.scope_for(self.actor, organisation, _month(asked.get("month", "")))
        name = f"{organisation.slug}-{dataset}-{scope.first:%Y-%m}.{form}"
        return file_response(dataset, version, scope, form, name)


def file_response(
    dataset: Dataset, version: str, scope: Scope, form: str, name: str
) -> HttpResponseBase:
    """CSV while it is read from the database; Parquet needs the whole of it first."""
    kind = writing.FORMATS[form]
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    if form == writing.CSV:
        chunks = writing.csv_of(dataset, version, scope)
        return StreamingHttpResponse(chunks, content_type=kind, headers=headers)
    made = TemporaryFile()  # noqa: SIM115  # closed with the response
    with TemporaryFile() as spool:
        writing.write(dataset, version, scope, form, made, spool)
    made.seek(0)
    return FileResponse(made, content_type=kind, headers=headers)
