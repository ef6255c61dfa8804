"""Where engines lie, and how one gets there whole or not at all.

<home>/engines/<name>/           installed; manifest.json inside says from which lock
<home>/engines/<name>.part/      being made, in a folder of its own for each try
<home>/engines/<name>.old/       the one that was just replaced, being deleted
<home>/engines/<name>.lock       held by the process that makes it (flock)
<home>/engines/<name>.progress   how far it is, for other processes
<home>/engines/<name>.failed     why the last try failed; the next one clears it
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import re
import secrets
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from portal.kernel.errors import BackendError, Permanent
from services.spec import Debian, Engine, Wheel

Progress = Callable[[int, str], None]

DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
NOT_WRITABLE = (errno.EROFS, errno.EACCES, errno.EPERM)


@dataclass(frozen=True, slots=True)
class EngineState:
    """Of one engine on this machine. `percent` while it is being installed; `code` and `detail` say
    why not.
    """

    installed: bool
    home: Path | None = None
    percent: int | None = None
    code: str = ""
    detail: str = ""


def root() -> Path:
    return Path(settings.POLDER_HOME) / "engines"


def lock_digest(engine: Engine) -> str:
    """Names what is installed: the digest of the recipe's lock file and of all that shapes the
    result. An environment serves one Python only, so its version counts too.
    """
    source = engine.source
    if isinstance(source, Debian):
        return engine.version
    if isinstance(source, Wheel):
        shape = [engine.version, *map(str, sys.version_info[:2])]
    else:
        shape = [engine.version, source.unpack or "", *source.leave_out, "", *source.executable]
    return hashlib.sha256(source.lock.read_bytes() + repr(shape).encode()).hexdigest()


def is_installed(engine: Engine) -> bool:
    try:
        manifest = json.loads((root() / engine.name / "manifest.json").read_text())
        return bool(manifest["lock"] == lock_digest(engine))
    except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError):
        return False


# -- making one -----------------------------------------------------------------------------------


@contextmanager
def held(name: str, *, wait: bool = True) -> Iterator[bool]:
    """The engine's lock, which ends with this process. Yields False when another process holds it
    and `wait` is off.

    Raises: Permanent("engine-read-only" | "engine-disk-full").
    """
    try:
        root().mkdir(parents=True, exist_ok=True)
        handle = os.open(_aside(name, "lock"), os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise disk_error(error) from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
            return
        yield True
    finally:
        os.close(handle)


@contextmanager
def making(engine: Engine) -> Iterator[Path]:
    """The directory to fill, under the engine's lock; renamed into place at the end.

    Its name differs from try to try: a package client that outlived its killed parent goes on
    writing, and must not write into what the next try makes. What goes wrong is remembered for
    other processes. Raises: Permanent("engine-read-only" | "engine-disk-full").
    """
    workshop = _aside(engine.name, "part")
    with held(engine.name):
        try:
            _discard(workshop)
            forget_failure(engine.name)
            part = workshop / secrets.token_hex(4)
            part.mkdir(parents=True)
            for folder in (root(), workshop, part):
                folder.chmod(0o755)
            yield part
            _put_in_place(engine, part)
        except BackendError as error:
            _remember_failure(engine.name, error.code, error.detail)
            raise
        except OSError as error:
            known = disk_error(error)
            _remember_failure(engine.name, known.code, known.detail)
            raise known from error
        except Exception as error:
            _remember_failure(engine.name, "internal", repr(error))
            raise
        finally:
            _discard(workshop)
            _aside(engine.name, "progress").unlink(missing_ok=True)


def _put_in_place(engine: Engine, part: Path) -> None:
    if is_installed(engine):  # another process was faster
        return
    manifest = {"name": engine.name, "version": engine.version, "lock": lock_digest(engine)}
    (part / "manifest.json").write_text(json.dumps(manifest))
    _open_to_all(part)
    final, old = root() / engine.name, _aside(engine.name, "old")
    _discard(old)
    if final.exists():
        final.rename(old)
    part.rename(final)
    _discard(old)


def _open_to_all(part: Path) -> None:
    """Whatever the umask was: instances run as other users than the one who installs."""
    for folder, _, files in os.walk(part):
        Path(folder).chmod(0o755)
        for path in (Path(folder, name) for name in files):
            if not path.is_symlink():
                path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)


def discard(name: str) -> None:
    """Deletes an engine; by rename first, so that no half of it passes for installed. The caller
    holds its lock.
    """
    final, old = root() / name, _aside(name, "old")
    _discard(old)
    with contextlib.suppress(FileNotFoundError):
        final.rename(old)
    for path in (old, _aside(name, "part")):
        _discard(path)
    forget_failure(name)


def _discard(path: Path) -> None:
    shutil.rmtree(path, ignore_errors=True)


# -- what other processes see ---------------------------------------------------------------------


def tell(engine: Engine, percent: int, what: str) -> None:
    """Progress for readers in other processes."""
    _write(
        _aside(engine.name, "progress"),
        {"percent": min(percent, 99), "what": what, "mib": engine.download_mib},
    )


def read_progress(name: str) -> int | None:
    """Per cent while some process is making it; None when none is, even if one left its file."""
    try:
        percent = int(json.loads(_aside(name, "progress").read_text())["percent"])
        handle = os.open(_aside(name, "lock"), os.O_RDONLY)
    except (OSError, ValueError, KeyError):
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return percent
    else:
        return None
    finally:
        os.close(handle)


def read_failure(name: str) -> tuple[str, str]:
    """(code, detail) of the last try, empty when it did not fail."""
    try:
        found = json.loads(_aside(name, "failed").read_text())
        return found["code"], found["detail"]
    except (FileNotFoundError, ValueError, KeyError):
        return "", ""


def _remember_failure(name: str, code: str, detail: str) -> None:
    _discard(
        _aside(name, "part")
    )  # on a full disk, this is where the space for the note comes from
    with contextlib.suppress(OSError):
        _write(_aside(name, "failed"), {"code": code, "detail": detail})


def forget_failure(name: str) -> None:
    _aside(name, "failed").unlink(missing_ok=True)


def _write(path: Path, content: dict[str, str | int]) -> None:
    part = path.with_name(f"{path.name}-part")
    part.write_text(json.dumps(content))
    part.replace(path)


def _aside(name: str, what: str) -> Path:
    return root() / f"{name}.{what}"


# -- words ----------------------------------------------------------------------------------------


def disk_error(error: OSError) -> Permanent:
    """What the disk said, as an error of the backend."""
    if error.errno in DISK_FULL:
        return Permanent("engine-disk-full", detail=str(error))
    if error.errno in NOT_WRITABLE:
        return Permanent("engine-read-only", detail=str(error))
    return Permanent("internal", detail=str(error))


def last_words(said: str) -> str:
    """The end of a package client's output, without the passwords of a mirror's address."""
    return re.sub(r"//[^/@\s]+@", "//", said.strip())[-600:]
