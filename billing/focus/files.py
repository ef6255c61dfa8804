"""The file that somebody asks for by version, month, format and dataset."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from tempfile import TemporaryFile

from django.utils.translation import gettext as _

from billing.focus import queries, writing
from billing.focus.columns import V1_2, VERSIONS, Dataset, datasets_of
from billing.focus.rows import Scope
from billing.focus.writing import CSV, FORMATS
from portal.kernel import clock
from portal.kernel.actor import Actor
from portal.kernel.errors import Invalid
from portal.tenancy.models import Organisation

_CHUNK = 1 << 16


@dataclass(frozen=True, slots=True)
class File:
    """`chunks` are read once: CSV comes from the database meanwhile."""

    name: str
    content_type: str
    chunks: Iterator[bytes]


def file_for(actor: Actor, organisation: Organisation | None, asked: Mapping[str, str]) -> File:
    """`asked`: version (1.2), month (`YYYY-MM`, this one), format (csv), dataset (the charges);
    without an organisation, of all. Raises: NotPermitted, NotFound; Invalid, by name.
    """
    version = _chosen(asked, "version", V1_2, VERSIONS)
    form = _chosen(asked, "format", CSV, tuple(FORMATS))
    sets = tuple(one.value for one in datasets_of(version))
    dataset = Dataset(_chosen(asked, "dataset", Dataset.COST_AND_USAGE.value, sets))
    scope = queries.scope_for(actor, organisation, _month(asked.get("month", "")))
    owner = organisation.slug if organisation else "provider"
    name = f"{owner}-focus-{version}-{dataset}-{scope.first:%Y-%m}.{form}"
    chunks = writing.csv_of(dataset, version, scope) if form == CSV else None
    return File(name, FORMATS[form], chunks or _whole(dataset, version, scope, form))


def _whole(dataset: Dataset, version: str, scope: Scope, form: str) -> Iterator[bytes]:
    with TemporaryFile() as out, TemporaryFile() as spool:
        writing.write(dataset, version, scope, form, out, spool)
        out.seek(0)
        while chunk := out.read(_CHUNK):
            yield chunk


def _chosen(asked: Mapping[str, str], name: str, usual: str, choices: tuple[str, ...]) -> str:
    value = asked.get(name) or usual
    if value not in choices:
        text = _("“%(value)s” is not to be had here. Choose one of: %(choices)s.")
        raise Invalid({name: text % {"value": value, "choices": ", ".join(choices)}})
    return value


def _month(text: str) -> date:
    if not text:
        return clock.now().date().replace(day=1)
    try:
        month = date.fromisoformat(f"{text}-01")
    except ValueError as error:
        raise Invalid({"month": _("Write the month as YYYY-MM.")}) from error
    if not 2000 < month.year < 2200:
        raise Invalid({"month": _("There is nothing of that time.")})
    return month
