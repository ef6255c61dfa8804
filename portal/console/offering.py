"""The page of an offering: plans side by side, versions, what is included, places, settings, guide.

Public: who is reading matters for the VAT alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from billing.identity.queries import rate_for
from billing.pricebook import queries as prices
from portal.console import as_code, markdown, releases
from portal.console.catalogue import FAMILIES, usual_seconds, why_not
from portal.kernel.formats import reader_locale
from services import registry, snippets
from services.regions import queries as regions
from services.regions.choices import asked
from services.spec import Capability, Debian, Entry, Parameter, Plan, promised_availability

if TYPE_CHECKING:
    from billing.pricebook.pricing import Quote
    from billing.vat.decisions import VatRate
    from portal.tenancy.models import Organisation
    from services.regions.models import Region
    from services.regions.queries import Orderable
    from services.spec import Engine


@dataclass(frozen=True, slots=True)
class Column:
    """A plan beside the others. `why_not`: why it cannot be had in the region that is looked at."""

    plan: Plan
    quote: Quote | None
    promise: Decimal
    why_not: str


@dataclass(frozen=True, slots=True)
class Included:
    yes: bool
    text: str


@dataclass(frozen=True, slots=True)
class Setting:
    """A parameter as a row: what may be given, and when it can be changed."""

    parameter: Parameter
    default: str
    allowed: str
    change: str


def offering(entry: Entry, wanted: str = "", reader: Organisation | None = None) -> dict[str, Any]:
    """Context of console/offering.html. `wanted` is the code of the region to look at; prices have
    the VAT of `reader`.
    """
    o, places = entry.offering, regions.regions()
    found = [regions.orderable(entry, place) for place in places]
    region = _region(found, wanted)
    reason, hint = ("", "") if any(f.ok for f in found) else why_not(found)
    return {
        "entry": entry,
        "offering": o,
        "family": FAMILIES[o.family],
        "plans": _columns(entry, region, rate_for(reader)),
        "region": region,
        "places": found,
        "countries": sorted({f.region.country for f in found if f.ok}),
        "orderable": not reason,
        "reason": reason,
        "hint": hint,
        "releases": [releases.release(v) for v in o.versions],
        "included": _included(entry),
        "components": _components(entry),
        "settings": [_setting(p, region.backend if region else "") for p in asked(o, region)],
        "ready_seconds": usual_seconds([entry], places).get(o.slug),
        "guide": _guide(entry),
        "clients": [s.title for s in entry.snippets],
        "code": as_code.curl(
            "POST", "projects/PROJECT/instances", {"offering": o.slug, "name": "my-service"}
        ),
    }


def _region(found: Sequence[Orderable], wanted: str) -> Region | None:
    """The one asked for, else the first where it can be ordered, else the first."""
    by_code = {f.region.code: f.region for f in found}
    fine = [f.region for f in found if f.ok] or [f.region for f in found]
    return by_code.get(wanted) or (fine[0] if fine else None)


def _columns(entry: Entry, region: Region | None, vat: VatRate) -> list[Column]:
    o = entry.offering
    quotes = prices.quotes_of(o, region.code if region else "", vat)
    return [
        Column(
            plan,
            quotes.get(plan.id),
            promised_availability(o, plan),
            regions.orderable(entry, region, plan).reason if region else "",
        )
        for plan in o.plans
        if not plan.retired
    ]


def _included(entry: Entry) -> list[Included]:
    able = entry.capabilities
    days = settings.POLDER_BIN.days
    return [
        Included(True, _("A server of your own, with a user and a password of your own")),
        Included(True, _("TLS with a certificate that is renewed by itself"))
        if snippets.verify_tls(entry.snippets)
        else Included(False, _("TLS: this engine has none here and listens on one machine only")),
        Included(Capability.ROTATE in able, _("A new password at any time")),
        Included(Capability.PAUSE in able, _("Pause: only storage is billed meanwhile")),
        Included(Capability.RESIZE in able, _("Another size, up and down")),
        Included(Capability.BACKUP in able, _("Backups and restore")),
        Included(Capability.METRICS in able, _("Metrics")),
        Included(
            True,
            ngettext(
                "%(n)s day in the bin after a deletion",
                "%(n)s days in the bin after a deletion",
                days,
            )
            % {"n": days},
        ),
    ]


def _components(entry: Entry) -> list[tuple[Engine, str]]:
    """The programs of the default version, the hidden ones too, and who brings their fixes."""
    if entry.process is None:
        return []
    names = [entry.process.engine(entry.versions("process")[0].id), *entry.process.ALSO]
    engines = [registry.engine(name) for name in names]
    engines += [registry.engine(e.toolchain) for e in engines if e.toolchain]
    unique = {engine.name: engine for engine in engines}
    return [(engine, _who_patches(engine)) for engine in unique.values()]


def _who_patches(engine: Engine) -> str:
    if isinstance(engine.source, Debian):
        return _("fixes come from Debian, with the machine's updates")
    return _("fixes come with Polder's releases; checked by hash before it is installed")


def _setting(parameter: Parameter, backend: str) -> Setting:
    default = parameter.default
    shown = (_("on") if default else _("off")) if isinstance(default, bool) else str(default)
    if not parameter.mutable:
        change = _("at order only")
    elif parameter.restarts(backend):
        change = _("any time; the server restarts")
    else:
        change = _("any time; connections stay")
    return Setting(parameter, shown, _allowed(parameter), change)


def _allowed(parameter: Parameter) -> str:
    limits = {"low": parameter.minimum, "high": parameter.maximum}
    if parameter.kind == "integer":
        return _("%(low)s to %(high)s") % limits
    if parameter.kind == "choice":
        return ", ".join(parameter.choices)
    if parameter.kind == "boolean":
        return _("on, off")
    return _("%(low)s to %(high)s characters") % limits


def _guide(entry: Entry) -> dict[str, str]:
    """The guide in the reader's language, else in English: its text, and the language it has."""
    reader = reader_locale().language
    for language, name in ((reader, f"guide.{reader}.md"), ("en", "guide.md")):
        path = entry.folder / name
        if path.exists():
            text = markdown.guide(path.read_text(encoding="utf-8"))
            return {"text": text, "language": language}
    return {}
