"""Finds what the catalogue folders hold: one folder `services/catalog/<family>/<slug>/` is one
offering, and its `engine.py` may define engines that any offering can name.

`POLDER_CATALOG_PATH` names further folders of the same shape (`<family>/<slug>/`), so that a
provider adds an offering without touching this repository. Faults are reported by Django's system
checks (`services.checks`).
"""

from __future__ import annotations

import os
import pkgutil
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import cast

from services import catalog, snippets
from services.spec import Engine, Entry, Kubernetes, Offering, Process, Usage

_ROOT = catalog.__name__


def _families() -> list[ModuleType]:
    for extra in filter(None, os.environ.get("POLDER_CATALOG_PATH", "").split(os.pathsep)):
        if extra not in catalog.__path__:
            catalog.__path__.append(extra)
    names = {m.name for m in pkgutil.iter_modules(catalog.__path__, f"{_ROOT}.") if m.ispkg}
    return [_whole(import_module(name)) for name in sorted(names)]


def _whole(family: ModuleType) -> ModuleType:
    """`family` with the folders of its name in every catalogue directory: Python knows the first
    alone.
    """
    for root in catalog.__path__:
        folder = os.path.join(root, family.__name__.rpartition(".")[2])
        if folder not in family.__path__ and os.path.isdir(folder):
            family.__path__.append(folder)
    return family


@cache
def _folders() -> tuple[str, ...]:
    """Dotted names of all offering folders; those with a leading underscore are a family's common
    code.
    """
    found: list[str] = []
    for family in _families():
        if family.__name__.rpartition(".")[2].startswith("_"):
            continue
        for module in pkgutil.iter_modules(family.__path__, f"{family.__name__}."):
            if module.ispkg and not module.name.rpartition(".")[2].startswith("_"):
                found.append(module.name)
    return tuple(found)


def _optional(name: str) -> ModuleType | None:
    return import_module(name) if find_spec(name) else None


@cache
def entries() -> dict[str, Entry]:
    """All offerings by slug. Raises: ValueError on a folder that breaks the catalogue's rules."""
    found: dict[str, Entry] = {}
    for name in _folders():
        package = import_module(name)
        offering = cast(Offering, import_module(f"{name}.offering").OFFERING)
        _, _, folder = name.rpartition(".")
        family = name.split(".")[-2]
        if offering.slug.replace("-", "_") != folder:
            raise ValueError(f"{name}: slug {offering.slug!r} does not match its folder")
        if offering.family != family:
            raise ValueError(f"{name}: family {offering.family!r} does not match its folder")
        path = Path(next(iter(package.__path__)))
        found[offering.slug] = Entry(
            offering,
            cast("Kubernetes | None", _optional(f"{name}.kubernetes")),
            cast("Process | None", _optional(f"{name}.process")),
            path,
            snippets.read(path),
            cast("Usage | None", _optional(f"{name}.usage")),
        )
    return found


def get(slug: str) -> Entry:
    """Raises: KeyError if there is no such offering."""
    return entries()[slug]


def catalogue() -> list[Entry]:
    """All entries, by family and name."""
    return sorted(entries().values(), key=lambda e: (e.offering.family, e.offering.name))


@cache
def engines() -> dict[str, Engine]:
    """All engines by name, from every `engine.py` of the catalogue (`ENGINES`, a tuple).

    Raises: ValueError if two folders define the same name.
    """
    found: dict[str, Engine] = {}
    for family in _families():
        for module in pkgutil.iter_modules(family.__path__, f"{family.__name__}."):
            recipe = _optional(f"{module.name}.engine") if module.ispkg else None
            for engine in cast("tuple[Engine, ...]", recipe.ENGINES) if recipe else ():
                if engine.name in found:
                    raise ValueError(f"{module.name}: engine {engine.name!r} is defined twice")
                found[engine.name] = engine
    return found


def engine(name: str) -> Engine:
    """Raises: KeyError if no folder defines it."""
    return engines()[name]


def forget() -> None:
    """Look at the folders again at the next call (for tests that add one)."""
    for function in (_folders, entries, engines):
        function.cache_clear()
