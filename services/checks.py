"""System checks of the catalogue: what a folder got wrong is said at start, with its name."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage, Error, register

from services import registry


@register()
def check_catalogue(**_: Any) -> list[CheckMessage]:
    """services.E001: a folder that breaks the rules. services.E002: an engine that is nowhere."""
    try:
        entries, engines = registry.entries(), registry.engines()
    except (ValueError, ImportError, AttributeError) as error:
        return [
            Error(f"Catalogue: {error}", hint="See docs/adding-a-service.md.", id="services.E001")
        ]
    faults: list[CheckMessage] = []
    for slug, entry in entries.items():
        if entry.process is None:
            continue
        for version in entry.offering.versions:
            try:
                name = entry.process.engine(version.id)
            except KeyError:
                continue  # this version does not run here, and the catalogue says so
            missing = [n for n in (name, *entry.process.ALSO) if n not in engines]
            faults += [
                Error(f"{slug} {version.id}: there is no engine {n!r}.", id="services.E002")
                for n in missing
            ]
    return faults
