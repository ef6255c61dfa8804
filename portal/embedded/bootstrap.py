"""What must be there before Django can load its settings: the data directory, its lock, and the
generated values in `<POLDER_HOME>/environment`.

Standard library only, as the two modules it imports: nothing here may need a setting. Every refusal
says what happened and what to do.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from portal.embedded import environment
from portal.embedded.refusal import Refusal

ROOT = Path(__file__).resolve().parent.parent.parent
DEFAULT_PORT = 8000
# The supervisor's and the engines' sockets lie at most this deep below the data directory; a unix
# socket's whole path has 107 bytes.
_LONGEST_HOME = 107 - len("/instances/xxxx-00000000/run/12345.sock")
_FIRST_START_MIB, _LATER_START_MIB = 700, 100
POSTGRESQL_MAJOR = "17"
_STOP_SECONDS = 60

_lock: int | None = None


def home() -> Path:
    """The data directory: `POLDER_HOME`, else `var` in the checkout."""
    return Path(os.environ.get("POLDER_HOME") or ROOT / "var").absolute()


# -- the steps ------------------------------------------------------------------------------------


def prepare_start() -> None:
    """For `up`: the data directory, its lock, a free port, the environment file."""
    port, former = wanted_port(), environment.read(home() / "environment").get("PORT")
    _prepare(port)
    # What a killed run left is on its way out and may hold the port for a moment.
    _check_port(port, patience_seconds=_STOP_SECONDS if former == str(port) else 0)
    os.environ["PORT"] = str(port)


def prepare_restore() -> None:
    """For `restore`: the same without the port."""
    _prepare(None)


def _prepare(port: int | None) -> None:
    folder = home()
    make_home(folder)
    take_lock(folder, port)
    wait_for_former_run(folder)
    check_database(folder)
    environment.settle(folder, port)
    environment.move_busy_ports(folder)
    os.environ["POLDER_HOME"] = str(folder)


def wanted_port() -> int:
    """`PORT`, else 8000. Raises: Refusal."""
    text = os.environ.get("PORT") or str(DEFAULT_PORT)
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 65536:
        raise Refusal(f"PORT is {text!r}.", "Set it to a number from 1 to 65535.")
    return int(text)


def make_home(folder: Path) -> None:
    """The data directory, writable, with room, and open as far as it must be. Raises: Refusal,
    OSError.
    """
    if len(os.fsencode(folder)) > _LONGEST_HOME:
        raise Refusal(
            f"The path {folder} is too long for the sockets below it: "
            f"{len(os.fsencode(folder))} bytes of at most {_LONGEST_HOME}.",
            "Set POLDER_HOME to a shorter one.",
        )
    odd = sorted({c for c in str(folder) if c.isspace() or c in "%;#'\"\\"})
    if odd:
        raise Refusal(
            f"The path {folder} holds {' '.join(map(repr, odd))}, which the configuration of a "
            "server program cannot carry.",
            "Set POLDER_HOME to a path without it.",
        )
    fresh = not (folder / "environment").exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError, FileNotFoundError) as error:
        raise Refusal(
            f"{folder} cannot be made ({error.strerror}: {error.filename}).",
            "Set POLDER_HOME to a directory.",
        ) from error
    # As root, services run as users of their own, who must get through to their own folders.
    with contextlib.suppress(PermissionError):
        if os.geteuid() != 0:
            folder.chmod(0o700)
        elif not folder.stat().st_mode & 0o001:
            folder.chmod(0o711)
    if os.geteuid() == 0:
        _check_open(folder)
    probe = folder / f".write.{os.getpid()}"
    probe.write_bytes(b"")
    probe.unlink()
    needed = _FIRST_START_MIB if fresh else _LATER_START_MIB
    free = shutil.disk_usage(folder).free // 2**20
    if free < needed:
        raise Refusal(
            f"The disk under {folder} is full: {free} MB are free, {needed} MB are needed.",
            "Free some space, or set POLDER_HOME to a directory on a larger disk.",
        )


def _check_open(folder: Path) -> None:
    for parent in folder.resolve().parents:
        if not parent.stat().st_mode & 0o001:
            raise Refusal(
                f"{parent} is closed to other users, and as root Polder runs each service as a "
                "user of its own, who could not reach its data.",
                f"Set POLDER_HOME to a directory outside it, as in "
                f"`POLDER_HOME=/var/lib/polder make run`, or open it with `chmod o+x {parent}`.",
            )


def take_lock(folder: Path, port: int | None) -> None:
    """One copy a data directory. The lock ends with this process, however it ends; the file's
    content only says who holds it. Raises: Refusal.
    """
    global _lock
    handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = read_lock(folder)
        os.close(handle)
        at = f" at http://127.0.0.1:{holder['port']}" if holder.get("port") else ""
        raise Refusal(
            f"Polder already runs on {folder} (process {holder.get('pid', '?')}){at}.",
            "Stop it first, or set POLDER_HOME and PORT for a second copy beside it.",
        ) from None
    os.ftruncate(handle, 0)
    os.pwrite(handle, json.dumps({"pid": os.getpid(), "port": port}).encode(), 0)
    _lock = handle


def read_lock(folder: Path) -> dict[str, int]:
    """Who holds (or last held) the lock."""
    try:
        found = json.loads((folder / "lock").read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def is_running(folder: Path) -> bool:
    """Whether another process holds the lock of `folder`."""
    try:
        handle = os.open(folder / "lock", os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _lock is None
    else:
        return False
    finally:
        os.close(handle)


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """The lock of `folder` for a while, unless this process already has it. Raises: Refusal."""
    global _lock
    if _lock is not None:
        yield
        return
    take_lock(folder, None)
    try:
        yield
    finally:
        if _lock is not None:
            os.close(_lock)
        _lock = None


def check_database(folder: Path) -> None:
    """Raises: Refusal on a data directory of another PostgreSQL major, or one without its keys."""
    data = folder / "database" / "data"
    try:
        found = (data / "PG_VERSION").read_text().strip()
    except FileNotFoundError:
        return
    if found != POSTGRESQL_MAJOR:
        raise Refusal(
            f"{data} was made by PostgreSQL {found}; this release of Polder runs PostgreSQL "
            f"{POSTGRESQL_MAJOR}, which cannot read it.",
            "Start the release that made it, run `manage.py backup FILE`, then give this one an "
            "empty POLDER_HOME and run `manage.py restore FILE` (docs/operating.md, Upgrade).",
        )
    if not (folder / "environment").exists():
        raise Refusal(
            f"{folder} holds a database, but its file {folder / 'environment'} with the keys is "
            "gone.",
            "Put it back, or restore a backup into an empty POLDER_HOME with "
            "`manage.py restore FILE`.",
        )


def wait_for_former_run(folder: Path) -> None:
    """A run whose `up` was killed is still stopping its servers: waits for its supervisor and its
    database. Raises: Refusal when they do not end.
    """
    until, told = time.monotonic() + _STOP_SECONDS, False
    while left := list(_left(folder)):
        if time.monotonic() > until:
            raise Refusal(
                f"Process {left[0]} of a former run on {folder} does not end.",
                f"End it (`kill {left[0]}`) and start again.",
            )
        if not told:
            sys.stdout.write("Waiting for a former run to stop …\n")
            sys.stdout.flush()
            told = True
        time.sleep(0.1)


def _left(folder: Path) -> Iterator[int]:
    """Process ids of the former run's supervisor and database, as far as they are really those."""
    data = folder / "database" / "data"
    for path, shows in (
        (folder / "supervisor" / "supervisord.pid", str(folder / "supervisor")),
        (data / "postmaster.pid", str(data)),
    ):
        with contextlib.suppress(OSError, ValueError):
            pid = int(path.read_text().split("\n", 1)[0])
            words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
            if shows in words:
                yield pid


def _check_port(port: int, patience_seconds: float) -> None:
    until = time.monotonic() + patience_seconds
    while time.monotonic() < until and not environment.port_is_free(port):
        time.sleep(0.1)
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except PermissionError:
            raise Refusal(
                f"Port {port} is not open to this user.", "Set PORT to one above 1023."
            ) from None
        except OSError:
            raise Refusal(
                f"Port {port} of this machine is used by another program.",
                f"Stop that program, or choose another port: `PORT={port + 1} make run`.",
            ) from None
