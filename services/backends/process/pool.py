"""Data directories: made for an instance, or taken from those that were made ahead.

Making one (`initdb` and its like) is the slowest part of an order, so a few are kept ready for each
engine that is installed; an order claims one by a rename.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from portal.kernel import stopping
from portal.kernel.errors import BackendError, Permanent
from services import registry
from services.backends.process import certificates, engines, users
from services.backends.process.layout import Folder, discard
from services.backends.process.run import Surroundings, run
from services.spec import Entry, Place

KEEP = 3
_MAKER = "polder-prepare"
_FINISHED = "[0-9a-f]*[0-9a-f]"


def place(
    home: Path,
    entry: Entry,
    version: str,
    *,
    data: Path,
    config: Path,
    run_folder: Path,
    held: Mapping[str, int],
) -> Place:
    """The Place of an instance (or of a directory being prepared). Raises: Permanent when an engine
    is missing.
    """
    if entry.process is None:
        raise Permanent("not-here", offering=entry.offering.slug)
    name = entry.process.engine(version)
    toolchain = registry.engine(name).toolchain
    return Place(
        home=str(engines.home(name)),
        data=str(data),
        config=str(config),
        run=str(run_folder),
        ports=held,
        ca=str(certificates.bundle(home)),
        certificate=str(config / "certificate.pem"),
        key=str(config / "key.pem"),
        toolchain=str(engines.home(toolchain)) if toolchain else "",
        engines={also: str(engines.home(also)) for also in entry.process.ALSO},
    )


def _name(entry: Entry, engine: str) -> str:
    return f"{entry.offering.slug}-{engine}"


def fill(
    home: Path, entry: Entry, version: str, folder: Folder, where: Place, around: Surroundings
) -> None:
    """Gives the instance its data directory: a prepared one, else made now."""
    if entry.process is None:
        raise Permanent("not-here", offering=entry.offering.slug)
    actions = entry.process.prepare(where)
    if actions and folder.claim_prepared(_name(entry, entry.process.engine(version))):
        return
    folder.clear_data()
    for action in actions:
        run(action, around)


def refill(home: Path) -> int:
    """Tops up the prepared directories of each installed engine; how many were made.

    One process at a time: another that is at it makes this call return at once. A worker that was
    told to stop ends after the directory at hand.
    """
    (home / "prepared").mkdir(exist_ok=True)
    with (home / "prepared" / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return 0
        drop_half_made(home)
        return _refill(home)


def _refill(home: Path) -> int:
    return sum(_top_up(home, *ready) for ready in _ready_engines())


def _ready_engines() -> Iterator[tuple[Entry, str, str]]:
    """Offerings with a version and its engine, where all that it needs is installed."""
    for entry in registry.entries().values():
        process = entry.process
        for version in entry.offering.versions if process else ():
            try:
                engine = process.engine(version.id) if process else ""
            except KeyError:
                continue
            if process and all(engines.state(n).installed for n in (engine, *process.ALSO)):
                yield entry, version.id, engine


def _top_up(home: Path, entry: Entry, version: str, engine: str) -> int:
    folder = home / "prepared" / _name(entry, engine)
    made = 0
    while len(list(folder.glob(_FINISHED))) < KEEP and not stopping.told():
        if not _prepare(home, folder, entry, version):
            break
        made += 1
    return made


def _prepare(home: Path, folder: Path, entry: Entry, version: str) -> bool:
    user = _MAKER if users.running_as_root() else None
    if user:
        users.ensure_user(user)
    name = secrets.token_hex(4)
    work = folder / f"{name}.part"
    data, config, run_folder = (work / part for part in ("data", "config", "run"))
    for part in (data, config, run_folder):
        part.mkdir(parents=True, mode=0o700)
        users.give(part, user)
    where = place(home, entry, version, data=data, config=config, run_folder=run_folder, held={})
    actions = entry.process.prepare(where) if entry.process else ()
    around = Surroundings(
        user,
        data,
        Path(where.ca),
        {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LANG": "C.UTF-8", "HOME": str(data)},
    )
    try:
        for action in actions:
            run(action, around)
        if actions:
            data.rename(folder / name)
    except BackendError:
        return False
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return bool(actions)


def sizes(home: Path) -> list[tuple[Entry, str, int]]:
    """How many directories are ready for each engine that is here and needs them prepared."""
    found = []
    for entry, version, engine in _ready_engines():
        folder = home / "prepared" / _name(entry, engine)
        if entry.process and entry.process.prepare(_example(home, entry, version, folder)):
            found.append((entry, engine, len(list(folder.glob(_FINISHED)))))
    return found


def _example(home: Path, entry: Entry, version: str, folder: Path) -> Place:
    return place(home, entry, version, data=folder, config=folder, run_folder=folder, held={})


def drop_half_made(home: Path) -> None:
    """Throws away what an interrupted `refill` left."""
    for path in (home / "prepared").glob("*/*.part"):
        discard(home, path)
