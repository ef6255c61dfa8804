"""Which of an offering's parameters mean something in a region, and why the others do not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.regions import clusters
from services.regions.texts import idle_text

if TYPE_CHECKING:
    from services.regions.models import Region
    from services.spec import Offering, Parameter


def asked(offering: Offering, region: Region | None) -> list[Parameter]:
    """Those that mean something in `region`; without one, those that do everywhere. No query."""
    return [p for p in offering.parameters if not _obstacle(p, region)]


def idle(offering: Offering, region: Region) -> dict[str, str]:
    """The others, each with the reason in the reader's language. No query."""
    found = {p.name: _obstacle(p, region) for p in offering.parameters}
    return {name: idle_text(code, region.name) for name, code in found.items() if code}


def _obstacle(parameter: Parameter, region: Region | None) -> str:
    """What is in the way: "backend", or the setting that `region` lacks. Empty without one."""
    backend = region.backend if region else ""
    if parameter.backend not in ("", backend):
        return "backend"
    if region is None or backend != "kubernetes":
        return ""
    settings = clusters.settings_of(region)
    return next((name for name in parameter.needs if not getattr(settings, name)), "")
