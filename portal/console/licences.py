"""Under which licence everything is that a reader may run or see here, and whose names are used.

Read from what is installed: recipes of the catalogue, metadata of the Python packages, the files
beside fonts and icons. Versions of Polder's own libraries are left out: they would only help
whoever looks for a hole.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from typing import Any

from django.conf import settings
from django.templatetags.static import static
from django.utils.translation import gettext_lazy as _

from services import registry
from services.spec import Debian, Engine, Maven, Wheel

_PINNED = re.compile(r"^([A-Za-z0-9._-]+)==", re.M)
_LONGEST = 60
_SOURCES = {
    Wheel: _("PyPI"),
    Maven: _("Maven Central"),
    Debian: _("the operating system"),
}
# Names of products that the pages use beside those of the catalogue.
_NAMES = (("Kubernetes", "The Linux Foundation"), ("OpenAPI", "The Linux Foundation"))


@dataclass(frozen=True, slots=True)
class Work:
    """Something of somebody's, and its licence; `text` is the address of its whole words."""

    name: str
    licence: str
    text: str = ""


def page() -> dict[str, Any]:
    """Context of console/licences.html."""
    return {
        "source": settings.POLDER_SOURCE_URL,
        "engines": sorted(map(_engine, registry.engines().values()), key=lambda e: e["title"]),
        "libraries": libraries(),
        "looks": [
            Work("Inter", "OFL-1.1", static("licences/inter-OFL.txt")),
            Work("Lucide", "ISC", static("licences/lucide-ISC.txt")),
            Work("htmx", "0BSD"),
        ],
    }


def trademarks() -> list[tuple[str, str]]:
    """(name, owner) of every product name that is used, by name."""
    found = dict(_NAMES)
    for entry in registry.entries().values():
        found.update(entry.offering.trademarks)
    return sorted(found.items(), key=lambda pair: pair[0].casefold())


@cache
def libraries() -> tuple[Work, ...]:
    """The Python packages that Polder runs on, as far as they are installed here."""
    locked = _PINNED.findall((settings.BASE / "requirements" / "runtime.txt").read_text())
    return tuple(_installed(sorted(locked, key=str.casefold)))


def _installed(names: Iterable[str]) -> Iterable[Work]:
    for name in names:
        try:
            yield Work(name, licence_of(metadata.metadata(name)))
        except metadata.PackageNotFoundError:
            continue  # for another system or Python


def licence_of(about: metadata.PackageMetadata) -> str:
    """What a package says of itself: expression, classifier, or the first line of its own words."""
    if "License-Expression" in about:
        return about["License-Expression"]
    own = about["License"].strip().partition("\n")[0] if "License" in about else ""
    if own and len(own) <= _LONGEST:
        return own
    classifiers = about.get_all("Classifier") or []
    named = [c.rpartition(" :: ")[2] for c in classifiers if c.startswith("License :: ")]
    return ", ".join(named) or "–"


def _engine(engine: Engine) -> dict[str, Any]:
    return {
        "title": engine.title,
        "licence": engine.licence,
        "source": _SOURCES.get(type(engine.source), ""),
    }
