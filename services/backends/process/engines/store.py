"""Where engines lie, and how one gets there whole or not at all.

<home>/engines/<name>/           installed; manifest.json inside says from which lock
<home>/engines/<name>.part/      being made
<home>/engines/<name>.lock       held by the process that makes it (flock)
<home>/engines/<name>.progress   how far it is, for other processes
<home>/engines/<name>.failed     why the last try failed; the next one clears it
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from portal.kernel.errors import BackendError, Permanent
from services.spec import Debian, Engine

Progress = Callable[[int, str], None]


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
    """Names what is installed: the recipe's version and the digest of its lock file."""
    if isinstance(engine.source, Debian):
        return engine.version
    source = engine.source
    shape = repr([engine.version, getattr(source, "unpack", ""), getattr(source, "leave_out", "")])
    return hashlib.sha256(source.lock.read_bytes() + shape.encode()).hexdigest()


def is_installed(engine: Engine) -> bool:
    try:
        manifest = json.loads((root() / engine.name / "manifest.json").read_text())
    except (FileNotFoundError, NotADirectoryError):
        return False
    return bool(manifest["lock"] == lock_digest(engine))


@contextmanager
def making(engine: Engine) -> Iterator[Path]:
    """The `.part` directory to fill, under a lock that ends with this process; renamed into place
    at the end.

    Raises: Permanent("engine-read-only" | "engine-disk-full").
    """
    base = root()
    try:
        base.mkdir(parents=True, exist_ok=True)
        handle = os.open(base / f"{engine.name}.lock", os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise _disk(error) from error
    part = base / f"{engine.name}.part"
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        _aside(base, engine.name, "failed").unlink(missing_ok=True)
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        part.chmod(0o755)
        yield part
        _put_in_place(base, engine, part)
    except BackendError as error:
        _aside(base, engine.name, "failed").write_text(
            json.dumps({"code": error.code, "detail": error.detail})
        )
        raise
    except OSError as error:
        raise _disk(error) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
        _aside(base, engine.name, "progress").unlink(missing_ok=True)
        os.close(handle)


def _put_in_place(base: Path, engine: Engine, part: Path) -> None:
    if is_installed(engine):  # another process was faster
        return
    manifest = {"name": engine.name, "version": engine.version, "lock": lock_digest(engine)}
    (part / "manifest.json").write_text(json.dumps(manifest))
    final, old = base / engine.name, base / f"{engine.name}.old"
    shutil.rmtree(old, ignore_errors=True)
    if final.exists():
        final.rename(old)
    part.rename(final)
    shutil.rmtree(old, ignore_errors=True)


def tell(engine: Engine, percent: int, what: str) -> None:
    """Progress for readers in other processes."""
    path = _aside(root(), engine.name, "progress")
    part = path.with_suffix(".progress-part")
    part.write_text(json.dumps({"percent": min(percent, 99), "what": what}))
    part.replace(path)


def read_progress(name: str) -> int | None:
    try:
        return int(json.loads(_aside(root(), name, "progress").read_text())["percent"])
    except (FileNotFoundError, ValueError):
        return None


def read_failure(name: str) -> tuple[str, str]:
    """(code, detail) of the last try, empty when it did not fail."""
    try:
        found = json.loads(_aside(root(), name, "failed").read_text())
    except (FileNotFoundError, ValueError):
        return "", ""
    return found["code"], found["detail"]


def forget_failure(name: str) -> None:
    _aside(root(), name, "failed").unlink(missing_ok=True)


def _aside(base: Path, name: str, what: str) -> Path:
    return base / f"{name}.{what}"


def _disk(error: OSError) -> Permanent:
    code = "engine-disk-full" if error.errno == errno.ENOSPC else "engine-read-only"
    return Permanent(code, detail=str(error))
