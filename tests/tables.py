"""What migrations make, kept between runs: to run them takes each process of tests some seconds, to
copy a database a fraction of one.

A dump lies beside the engines, named after all that migrations are made of. Where there is one, the
server of the run gets it as a database of its own, from which test databases are copied; Django
still asks for each migration. Where there is none, the first test database is dumped once it is
made.
"""

from __future__ import annotations

import hashlib
import logging
import os
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg

from tests.cache import RUNTIME, cache_folder

logger = logging.getLogger(__name__)
# Set for the workers of pytest-xdist, too: which database to copy, or else where to keep a dump.
TEMPLATE, KEEP = "POLDER_TEST_TEMPLATE", "POLDER_TEST_KEEP_TABLES"
_NAME = "polder_tables"
_OLD_SECONDS = 30 * 24 * 3600


def offer(url: str, postgresql: Path) -> None:
    """A database with all tables on the server of `url`, where a dump of them was kept."""
    file = cache_folder() / f"tables-{_digest(postgresql)}.dump"
    if file.exists() and _load(file, url, postgresql):
        os.environ[TEMPLATE] = _NAME
        file.touch()
    else:
        os.environ[KEEP] = str(file)


def keep(database: Mapping[str, Any], postgresql: Path) -> None:
    """Dumps a test database that was just made, where `offer` had none. A fault costs the next run
    some seconds and nothing else.
    """
    file = Path(os.environ[KEEP])
    part = file.with_suffix(f".{os.getpid()}.part")
    for old in file.parent.glob("tables-*.dump"):
        if time.time() - old.stat().st_mtime > _OLD_SECONDS:
            old.unlink(missing_ok=True)
    where = ["-h", database["HOST"], "-p", str(database["PORT"]), "-U", database["USER"]]
    argv = [f"{postgresql}/bin/pg_dump", "-Fc", "-O", *where, "-f", str(part), database["NAME"]]
    if _run(argv, database["PASSWORD"]):
        part.replace(file)
    part.unlink(missing_ok=True)


def _load(file: Path, url: str, postgresql: Path) -> bool:
    parts = urlsplit(url)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"create database {_NAME}")
        where = ["-h", str(parts.hostname), "-p", str(parts.port), "-U", str(parts.username)]
        argv = [f"{postgresql}/bin/pg_restore", "-e", "-O", *where, "-d", _NAME, str(file)]
        whole = _run(argv, str(parts.password))
        if not whole:
            connection.execute(f"drop database {_NAME}")
    return whole


def _run(argv: list[str], password: str) -> bool:
    environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "PGPASSWORD": password}
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        logger.warning("tables.failed", extra={"said": done.stderr})
    return done.returncode == 0


def _digest(postgresql: Path) -> str:
    """Of every app's migrations, and of what they run on."""
    from django.apps import apps

    whole = hashlib.sha256(RUNTIME.read_bytes() + str(postgresql.resolve()).encode())
    for app in apps.get_app_configs():
        for file in sorted(Path(app.path, "migrations").glob("*.py")):
            whole.update(f"{app.label} {file.name}\n".encode() + file.read_bytes())
    return whole.hexdigest()[:16]
