"""The embedded database and broker: engines and data directories. Skipped where the address of
a server of one's own is given.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from portal.embedded import broker, database, environment
from portal.embedded.refusal import Refusal
from portal.embedded.screen import Screen
from portal.kernel.errors import BackendError
from services import registry
from services.backends.process import engines
from services.backends.process.supervisor import Supervisor
from services.instances.texts import error_text


@dataclass(frozen=True, slots=True)
class Servers:
    """The addresses in use, and whether each is the embedded one."""

    home: Path
    database_url: str
    broker_url: str
    own_database: bool
    own_broker: bool


def of(home: Path) -> Servers:
    """As the environment file, or the process environment before it, says."""
    values = {**environment.read(home / "environment"), **os.environ}
    database_url, broker_url = values["POLDER_DATABASE_URL"], values["POLDER_BROKER_URL"]
    return Servers(
        home,
        database_url,
        broker_url,
        own_database=database_url != values.get("EMBEDDED_DATABASE_URL"),
        own_broker=broker_url != values.get("EMBEDDED_BROKER_URL"),
    )


def prepare(servers: Servers, screen: Screen) -> None:
    """Engines, data directory and configuration. Raises: Refusal, OSError."""
    if not servers.own_database:
        engine = _engine(database.ENGINE, screen)
        if not database.exists(servers.home):
            with screen.step("Making the database", always=True):
                database.create(servers.home, engine, servers.database_url)
        database.clear_stale_lock(servers.home)
    if not servers.own_broker:
        _engine(broker.ENGINE, screen)
        broker.configure(servers.home, servers.broker_url)


def _engine(name: str, screen: Screen) -> Path:
    """Its directory, installed if need be. Raises: Refusal."""
    if engines.state(name).installed:
        return engines.home(name)
    engine = registry.engine(name)
    try:
        with screen.step(f"{engine.title}, {engine.download_mib} MB", always=True) as step:
            return engines.install(name, progress=step.progress)
    except BackendError as error:
        text, hint = error_text(error.code, {**error.params, "engine": engine.title})
        detail = error.detail.strip().splitlines()
        said = f" It says: {detail[-1]}" if detail else ""
        raise Refusal(f"{engine.title} could not be installed. {text}{said}", hint) from error


def start(servers: Servers) -> None:
    """Under the supervisor; returns when both answer. Raises: Refusal."""
    supervisor = Supervisor(servers.home)
    if not servers.own_database:
        port = urlsplit(servers.database_url).port or 5432
        supervisor.start(database.program(servers.home, engines.home(database.ENGINE), port))
    if not servers.own_broker:
        supervisor.start(broker.program(servers.home, engines.home(broker.ENGINE)))
    database.wait_ready(servers.database_url, 60 if not servers.own_database else 15)
    broker.wait_ready(servers.broker_url)
