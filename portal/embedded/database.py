"""Polder's own PostgreSQL: the engine that tenants get too, in `<home>/database`.

Source: PostgreSQL 17 documentation, chapters 18 to 21; initdb, postgres. The portal's role owns its
database and is no superuser; the superuser has no password and so cannot log in.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import psycopg

from portal.embedded.refusal import Refusal
from services.backends.process import engines, users
from services.backends.process.supervisor import Program, guard

ENGINE = engines.OWN_DATABASE
NAME = "database"
ROLE = "polder"
_STOP_SIGNAL = "INT"  # fast shutdown: TERM would wait for the last client to leave
_START_SECONDS = 60
_HBA = """\
local  all  all                reject
host   all  all  127.0.0.1/32  scram-sha-256
host   all  all  all           reject
"""
_SETTINGS = """\
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
password_encryption = 'scram-sha-256'
max_connections = 80
shared_buffers = '64MB'
max_wal_size = '512MB'
wal_level = 'minimal'
max_wal_senders = 0
max_logical_replication_workers = 0
timezone = 'UTC'
log_timezone = 'UTC'
log_min_messages = 'warning'
log_line_prefix = ''
"""


def user() -> str | None:
    """The system user it runs as; None unless root."""
    return users.user_for(NAME)


def data(home: Path) -> Path:
    return home / "database" / "data"


def exists(home: Path) -> bool:
    return (data(home) / "PG_VERSION").exists()


def create(home: Path, engine: Path, url: str) -> None:
    """The data directory with the role and the database of `url`, whole or not at all. Raises:
    Refusal, OSError.
    """
    parts, final = urlsplit(url), data(home)
    if user() is not None:
        users.ensure_user(str(user()))
    part = final.with_name("data.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True, mode=0o700)
    final.parent.chmod(0o755)
    users.give(part, user())
    initdb = [f"{engine}/bin/initdb", "-D", str(part), "-U", "postgres", "--auth=reject"]
    _run([*initdb, "--encoding=UTF8", "--locale=C", "--data-checksums"], part)
    name = parts.path.lstrip("/")
    statements = (
        f"CREATE ROLE {ROLE} LOGIN CREATEDB PASSWORD '{parts.password}'",
        f"CREATE DATABASE {name} OWNER {ROLE}",
    )
    single = [f"{engine}/bin/postgres", "--single", "-D", str(part), "postgres"]
    _run(single, part, stdin="\n".join(statements) + "\n")
    (part / "pg_hba.conf").write_text(_HBA)
    (part / "postgresql.conf").write_text(_SETTINGS)
    part.rename(final)


def _run(argv: list[str], directory: Path, stdin: str = "") -> None:
    done = subprocess.run(
        argv,
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        cwd=directory,
        env={"PATH": os.environ.get("PATH", ""), "LANG": "C"},
        **users.demoted(user()),
    )
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip())[-400:]
        if "No space left" in said:
            raise Refusal(
                f"The disk under {directory.parent} is full.",
                "Free some space and start again: what is half made is made anew.",
            )
        raise Refusal(f"The database could not be made. {Path(argv[0]).name} says: {said}")


def clear_stale_lock(home: Path) -> None:
    """Removes `postmaster.pid` of a dead run whose number another program has by now; PostgreSQL
    itself would take that program for its server. The caller holds the lock of `home` and has
    waited for the former run.
    """
    path = data(home) / "postmaster.pid"
    try:
        words = psutil.Process(int(path.read_text().split("\n", 1)[0])).cmdline()
        if str(data(home)) in words:
            return
    except FileNotFoundError:
        return
    except (ValueError, psutil.NoSuchProcess, psutil.AccessDenied):
        pass
    path.unlink(missing_ok=True)


def argv(home: Path, engine: Path, port: int) -> list[str]:
    return [f"{engine}/bin/postgres", "-D", str(data(home)), "-p", str(port)]


def program(home: Path, engine: Path, port: int) -> Program:
    return Program(
        name=NAME,
        argv=argv(home, engine, port),
        directory=data(home),
        log=home / "logs" / "database.log",
        environment={"LANG": "C"},
        user=user(),
        stop_signal=_STOP_SIGNAL,
        stop_seconds=30,
        start_seconds=0,
        priority=100,
    )


def wait_ready(url: str, seconds: float = _START_SECONDS) -> None:
    """Raises: Refusal when nobody answers, or answers otherwise than it should."""
    until = time.monotonic() + seconds
    while True:
        try:
            psycopg.connect(url, connect_timeout=3).close()
        except psycopg.OperationalError as error:
            said = str(error)
            if time.monotonic() > until or "authentication failed" in said:
                raise Refusal(
                    f"The database at {where(url)} does not let Polder in. It says: {said.strip()}",
                    "Look at logs/database.log in the data directory, or, if the server is your "
                    "own, at POLDER_DATABASE_URL.",
                ) from error
            time.sleep(0.03)
        else:
            return


def where(url: str) -> str:
    """Host and port of `url`, without what must not be shown."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or 5432}"


@contextmanager
def running(home: Path, engine: Path, url: str) -> Iterator[None]:
    """The embedded database for a while, without the supervisor. The caller holds the lock."""
    clear_stale_lock(home)
    (home / "logs").mkdir(exist_ok=True)
    with (home / "logs" / "database.log").open("ab") as log:
        server = subprocess.Popen(
            [*guard(user(), _STOP_SIGNAL), *argv(home, engine, urlsplit(url).port or 5432)],
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            cwd=data(home),
            env={"PATH": os.environ.get("PATH", ""), "LANG": "C"},
            start_new_session=True,
        )
    try:
        wait_ready(url)
        yield
    finally:
        server.send_signal(2)
        server.wait(60)
