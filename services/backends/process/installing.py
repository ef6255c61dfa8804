"""Engines that are not there yet: installed by a program of its own under the supervisor, so that
neither a lost lease nor a killed worker stops it, and watched by the operation that waits for
it."""

from __future__ import annotations

import os
import sys

from django.conf import settings

from portal.kernel.errors import Permanent, Temporary
from services import registry
from services.backends.process import engines
from services.backends.process.supervisor import Program, Supervisor
from services.spec import Entry, Report

# What package clients need to know, and nothing of ours.
_KEEP = ("PATH", "HOME", "LANG", "TMPDIR")
_KEEP_PREFIXES = ("PIP_", "UV_", "NPM_", "npm_", "GO", "SSL_", "REQUESTS_", "CURL_", "JAVA_")
_KEEP_PARTS = ("proxy", "PROXY")


def ensure(supervisor: Supervisor, names: tuple[str, ...], report: Report) -> None:
    """All of `names` installed. Raises: Temporary while one is being installed; Permanent when it
    cannot be.
    """
    missing = [name for name in names if not engines.state(name).installed]
    if not missing:
        return
    name = missing[0]
    engine, state = registry.engine(name), engines.state(name)
    program = f"install-{name}"
    report("engine", percent=state.percent or 0, engine=engine.title, mib=str(engine.download_mib))
    if state.code and not supervisor.state(program).running:
        _fail(supervisor, program, name, state)
    begin(supervisor, name)
    raise Temporary("engine-installing", retry_after=0.7, engine=engine.title)


def begin(supervisor: Supervisor, name: str) -> None:
    """Starts the program that installs an engine, unless it runs already."""
    program = f"install-{name}"
    supervisor.start(
        Program(
            name=program,
            argv=[sys.executable, str(settings.BASE / "manage.py"), "engines", "install", name],
            directory=settings.BASE,
            log=supervisor.home / "logs" / f"{program}.log",
            environment=_environment(supervisor),
            autorestart=False,
            start_seconds=0,
            stop_seconds=5,
        )
    )


def _fail(supervisor: Supervisor, program: str, name: str, state: engines.EngineState) -> None:
    supervisor.remove(program)
    engines.forget_failure(name)
    if state.code == "engine-download":  # the network may come back; the deadline ends it
        raise Temporary(state.code, retry_after=5, detail=state.detail)
    raise Permanent(state.code, detail=state.detail, engine=registry.engine(name).title)


def _environment(supervisor: Supervisor) -> dict[str, str]:
    mine = {
        name: value
        for name, value in os.environ.items()
        if name in _KEEP
        or name.startswith(_KEEP_PREFIXES)
        or any(part in name for part in _KEEP_PARTS)
        or name.startswith("POLDER_")
    }
    return {**mine, "POLDER_HOME": str(supervisor.home)}


def tidy(supervisor: Supervisor) -> None:
    """Forgets the programs of installations that have ended."""
    for state in supervisor.states().values():
        if state.name.startswith("install-") and state.ended:
            supervisor.remove(state.name)


def cannot_run(entry: Entry) -> tuple[str, dict[str, str]] | None:
    """(reason code, params) when no engine of this offering can be had on this machine."""
    if entry.process is None:
        return "needs-kubernetes", {}
    for version in entry.offering.versions:
        try:
            engine = registry.engine(entry.process.engine(version.id))
        except KeyError:
            continue
        state = engines.state(engine.name)
        if state.code == "engine-missing-debian" and not state.installed:
            return state.code, {"package": getattr(engine.source, "package", engine.name)}
        return None
    return "no-version-here", {}
