"""Polder's own data in one file: the portal's database, the keys, the CA. What a region's settings
say stands in the database. The data of services is theirs: they have backups of their own.

The file is a tar (0600) of `manifest.json`, `database.dump` (pg_dump's custom format), `keys.json`
and `ca/…`; the manifest holds the SHA-256 of each. Source: PostgreSQL 17, pg_dump, pg_restore.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

import psycopg
from django.conf import settings

from portal.embedded import bootstrap, database, environment, servers
from portal.embedded.refusal import Refusal
from portal.embedded.screen import Screen
from portal.kernel import clock
from services.backends.process import engines

FORMAT = 1
_MANIFEST, _DUMP, _KEYS = "manifest.json", "database.dump", "keys.json"
_KEPT = ("POLDER_SIGNING_KEY", "POLDER_SECRET_KEYS", "POLDER_DEMO_PASSWORD")
_NOT_DONE = "Nothing was restored."
_FAILED = "No backup was made."


@dataclass(frozen=True, slots=True)
class Backup:
    """What a file says about itself."""

    made_at: str
    members: dict[str, str]  # name → SHA-256


# -- the database, whether Polder runs or not ------------------------------------------------------


@contextmanager
def database_up(home: Path, screen: Screen) -> Iterator[servers.Servers]:
    """The portal's database, started for a while when it is the embedded one and Polder does not
    run. Raises: Refusal.
    """
    found = servers.of(home)
    with ExitStack() as stack:
        if not found.own_database and not bootstrap.is_running(home):
            stack.enter_context(bootstrap.held(home))
            bootstrap.check_database(home)
            bootstrap.wait_for_former_run(home)
            environment.move_busy_ports(home)
            found = servers.of(home)
            servers.prepare(found, screen)
            engine = engines.home(database.ENGINE)
            stack.enter_context(database.running(home, engine, found.database_url))
        database.wait_ready(found.database_url, 10)
        yield found


def _tool(name: str, url: str) -> str:
    """`pg_dump` or `pg_restore` that fits the server: it must not be older. Raises: Refusal."""
    with psycopg.connect(url) as connection:
        server = connection.info.server_version // 10000
    candidates = [shutil.which(name)]
    if engines.state(database.ENGINE).installed:
        candidates.insert(0, str(engines.home(database.ENGINE) / "bin" / name))
    for path in filter(None, candidates):
        said = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
        found = re.search(r"(\d+)", said.stdout)
        if found and int(found[1]) >= server:
            return str(path)
    raise Refusal(
        f"The database runs PostgreSQL {server}, and no {name} of that version or newer is here.",
        f"Install the client programs of PostgreSQL {server}, or the embedded ones with "
        f"`manage.py engines install {database.ENGINE}` (PostgreSQL {bootstrap.POSTGRESQL_MAJOR}).",
        what="",
    )


def _connection(url: str) -> dict[str, str]:
    """How libpq's programs are told where to go: by environment, so that no password is in argv."""
    parts = urlsplit(url)
    return {
        "PATH": os.environ.get("PATH", ""),
        "PGHOST": parts.hostname or "",
        "PGPORT": str(parts.port or 5432),
        "PGUSER": unquote(parts.username or ""),
        "PGPASSWORD": unquote(parts.password or ""),
        "PGDATABASE": parts.path.lstrip("/"),
    }


def _run(argv: list[str], url: str, what: str) -> None:
    done = subprocess.run(argv, env=_connection(url), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Refusal(f"{Path(argv[0]).name} says: {done.stderr.strip()[-600:]}", what=what)


# -- backup ----------------------------------------------------------------------------------------


def back_up(target: Path, screen: Screen) -> None:
    """Writes `target`, whole or not at all. Raises: Refusal, OSError."""
    home = Path(settings.POLDER_HOME)
    if target.exists():
        raise Refusal(f"{target} exists.", "Name another file, or remove it.", what=_FAILED)
    part = target.with_name(f".{target.name}.part")
    with database_up(home, screen) as found, _workshop(target.parent) as folder:
        url = found.database_url
        dump = [_tool("pg_dump", url), "--format=custom", "--no-owner", "--no-privileges"]
        _run([*dump, "--file", str(folder / _DUMP)], url, _FAILED)
        (folder / _KEYS).write_text(json.dumps(_keys()))
        if (home / "ca").is_dir():
            shutil.copytree(home / "ca", folder / "ca")
        _write_manifest(folder)
        try:
            with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                with tarfile.open(fileobj=file, mode="w") as tar:
                    for name in (_MANIFEST, *sorted(_files(folder) - {_MANIFEST})):
                        tar.add(folder / name, name, filter=_plain)
                file.flush()
                os.fsync(file.fileno())
            part.rename(target)
        finally:
            part.unlink(missing_ok=True)


def _keys() -> dict[str, str]:
    return {
        "POLDER_SIGNING_KEY": settings.SECRET_KEY,
        "POLDER_SECRET_KEYS": ",".join(settings.POLDER_SECRET_KEYS),
        "POLDER_DEMO_PASSWORD": settings.POLDER_DEMO_PASSWORD,
    }


def _write_manifest(folder: Path) -> None:
    manifest = {
        "format": FORMAT,
        "made_at": clock.now().isoformat(timespec="seconds"),
        "postgresql": bootstrap.POSTGRESQL_MAJOR,
        "django": version("django"),
        "members": {name: _digest(folder / name) for name in sorted(_files(folder))},
    }
    (folder / _MANIFEST).write_text(json.dumps(manifest, indent=1))


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mode = 0o600
    return member


@contextmanager
def _workshop(beside: Path) -> Iterator[Path]:
    """A closed folder on the same disk, gone at the end."""
    with tempfile.TemporaryDirectory(prefix=".polder-", dir=beside) as name:
        yield Path(name)


def _files(folder: Path) -> set[str]:
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# -- restore ---------------------------------------------------------------------------------------


def restore(source: Path, screen: Screen, *, force: bool) -> list[str]:
    """Makes this copy what `source` holds; returns the names of service folders that no row knows.

    The caller holds the lock, so no copy runs here. Raises: Refusal, OSError.
    """
    home = Path(settings.POLDER_HOME)
    with _workshop(home) as folder:
        _unpack(source, folder)
        keys = json.loads((folder / _KEYS).read_text())
        _check_given_keys(keys)
        with database_up(home, screen) as found:
            url = found.database_url
            tool = _tool("pg_restore", url)
            _make_room(url, force=force)
            flags = ["--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction"]
            database_name = urlsplit(url).path.lstrip("/")
            _run([tool, *flags, "--dbname", database_name, str(folder / _DUMP)], url, _NOT_DONE)
            _put_keys(home, keys)
            _put_authority(home, folder / "ca")
            return unknown_folders(home, url)


def read(source: Path) -> Backup:
    """What the file says about itself. Raises: Refusal."""
    try:
        with tarfile.open(source) as tar:
            return _manifest(tar)
    except (OSError, tarfile.TarError, KeyError, ValueError, AttributeError) as error:
        raise _unreadable(source) from error


def _manifest(tar: tarfile.TarFile) -> Backup:
    file = tar.extractfile(_MANIFEST)
    found = json.loads(file.read()) if file else {}
    if found["format"] != FORMAT:
        raise ValueError("unknown format")
    return Backup(found["made_at"], dict(found["members"]))


def _unreadable(source: Path) -> Refusal:
    return Refusal(
        f"{source} is not a whole backup of Polder.",
        "Name a file that `manage.py backup` wrote; if this is one, it is damaged: take another.",
        what=_NOT_DONE,
    )


def _unpack(source: Path, folder: Path) -> None:
    """Everything checked before anything is touched."""
    backup = read(source)
    try:
        with tarfile.open(source) as tar:
            for name, digest in backup.members.items():
                if _take(tar, name, folder) != digest:
                    raise _unreadable(source)
    except (OSError, tarfile.TarError, KeyError) as error:
        raise _unreadable(source) from error
    if not {_DUMP, _KEYS} <= backup.members.keys():
        raise _unreadable(source)


def _take(tar: tarfile.TarFile, name: str, folder: Path) -> str:
    """Writes one plain file below `folder` and returns its digest. (Python's own safe filter for
    this is younger than the oldest Python that runs Polder.) Raises: KeyError when it is no such.
    """
    data, path = tar.extractfile(name), PurePosixPath(name)
    if data is None or path.is_absolute() or ".." in path.parts:
        raise KeyError(name)
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    with data, (folder / path).open("wb") as file:
        shutil.copyfileobj(data, file, 1 << 20)
    return _digest(folder / path)


def _make_room(url: str, *, force: bool) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(
            "select count(*) from pg_catalog.pg_tables where schemaname = 'public'"
        ).fetchone()
        if row is None or row[0] == 0:
            return
        if not force:
            raise Refusal(
                "The database is not empty.",
                "Restore into an empty POLDER_HOME, or add --force to replace all it holds.",
                what=_NOT_DONE,
            )
        with connection.transaction():
            connection.execute("drop schema public cascade")
            connection.execute("create schema public")


def _check_given_keys(keys: dict[str, str]) -> None:
    """Keys of the process environment win over the file at every start: they must be the backup's.
    Raises: Refusal.
    """
    given = os.environ.get("POLDER_SECRET_KEYS")
    if given and not set(keys["POLDER_SECRET_KEYS"].split(",")) <= set(given.split(",")):
        raise Refusal(
            "POLDER_SECRET_KEYS is set in the environment, to other keys than those of the backup.",
            "Unset it, so that the keys of the backup are used, or add them to it.",
            what=_NOT_DONE,
        )


def _put_keys(home: Path, keys: dict[str, str]) -> None:
    path = home / "environment"
    values = environment.read(path)
    values.update({name: keys[name] for name in _KEPT if keys.get(name)})
    environment.write(path, values)


def _put_authority(home: Path, source: Path) -> None:
    if not source.is_dir():
        return
    target, part = home / "ca", home / "ca.part"
    shutil.rmtree(part, ignore_errors=True)
    shutil.copytree(source, part)
    part.chmod(0o755)
    for path in part.rglob("*.pem"):
        # The bundle is public, and services that run as users of their own read it.
        path.chmod(0o644 if path.name == "bundle.pem" else 0o600)
    shutil.rmtree(target, ignore_errors=True)
    part.rename(target)


def unknown_folders(home: Path, url: str) -> list[str]:
    """Service folders of this machine that the database knows nothing of: listed, never deleted."""
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "select public_id from instances_instance where deleted_at is null"
        ).fetchall()
    there = {path.name for path in (home / "instances").glob("*") if path.is_dir()}
    return sorted(there - {str(row[0]) for row in rows})
