"""Where one instance lies on disk, and what is remembered of it there.

    <home>/instances/<id>/   data/ config/ run/ (the instance's user, 0700)   log   state.json
    <home>/prepared/<slug>-<engine>/<hex>/   data directories made ahead
    <home>/trash/<id>.<hex>/                 being deleted

`state.json` says how far the instance has come; it is replaced atomically after each stage.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from portal.kernel.errors import Permanent, Temporary
from services.backends.process import users


@dataclass(slots=True)
class Progress:
    """How far an instance has come. `digest` is that of the files and certificate it runs with."""

    prepared: bool = False
    initialised: bool = False
    set_up: bool = False
    paused: bool = False
    generation: int = 0
    digest: str = ""
    slug: str = ""


@dataclass(frozen=True, slots=True)
class Folder:
    """The folder of one instance. `user` owns what the engine touches; None when not root."""

    home: Path
    instance: str

    @property
    def path(self) -> Path:
        return self.home / "instances" / self.instance

    @property
    def data(self) -> Path:
        return self.path / "data"

    @property
    def config(self) -> Path:
        return self.path / "config"

    @property
    def run(self) -> Path:
        return self.path / "run"

    @property
    def log(self) -> Path:
        return self.path / "log"

    @property
    def user(self) -> str | None:
        return users.user_for(self.instance)

    def exists(self) -> bool:
        return self.path.is_dir()

    def make(self) -> None:
        """The folder with its parts, each with the rights it needs. Idempotent."""
        self.path.mkdir(parents=True, exist_ok=True)
        self.path.chmod(0o755)
        for part in (self.config, self.run):
            part.mkdir(exist_ok=True)
            part.chmod(0o700)
        users.give(self.config, self.user)
        users.give(self.run, self.user)

    def progress(self) -> Progress:
        try:
            return Progress(**json.loads((self.path / "state.json").read_text()))
        except FileNotFoundError:
            return Progress()

    def remember(self, progress: Progress) -> None:
        part = self.path / "state.part"
        part.write_text(json.dumps(asdict(progress)))
        part.replace(self.path / "state.json")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One worker at a time. Raises: Temporary("busy") when another is at it."""
        try:
            handle = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            raise Temporary("busy", retry_after=0.3) from None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Temporary("busy", retry_after=0.3) from None
        else:
            yield
        finally:
            os.close(handle)

    def clear_data(self) -> None:
        """An empty data directory, whatever was there."""
        discard(self.home, self.data)
        self.data.mkdir(mode=0o700)
        users.give(self.data, self.user)

    def claim_prepared(self, pool: str) -> bool:
        """Takes a data directory that was made ahead, by one rename. False when there is none."""
        discard(self.home, self.data)
        for candidate in sorted((self.home / "prepared" / pool).glob("[0-9a-f]*[0-9a-f]")):
            try:
                candidate.rename(self.data)
            except FileNotFoundError:
                continue
            users.give(self.data, self.user)
            return True
        return False

    def remove(self) -> None:
        discard(self.home, self.path)


def discard(home: Path, path: Path) -> None:
    """Moves `path` out of sight at once, then deletes it; a crash leaves it in `trash` for
    `empty_trash`.
    """
    trash = home / "trash"
    trash.mkdir(parents=True, exist_ok=True)
    try:
        gone = path.rename(trash / f"{path.name}.{secrets.token_hex(4)}")
    except FileNotFoundError:
        return
    shutil.rmtree(gone, ignore_errors=True)


def empty_trash(home: Path) -> None:
    """What a crash left half deleted."""
    for path in (home / "trash").glob("*"):
        shutil.rmtree(path, ignore_errors=True)


def write_file(path: Path, content: str, user: str | None) -> None:
    """`path` with `content`, 0600 and owned by `user`, replaced atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    try:
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(content)
        users.give(part, user)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        if error.errno == 28:  # ENOSPC
            raise Permanent("disk-full", path=str(path.parent)) from error
        raise


def size_mib(path: Path) -> int:
    """What `path` takes on disk, as du counts it."""
    total = 0
    for folder, _, files in os.walk(path):
        for name in files:
            try:
                total += os.lstat(os.path.join(folder, name)).st_blocks * 512
            except FileNotFoundError:
                continue
    return total // 2**20


def tail(path: Path, size: int = 1500) -> str:
    """The last bytes of a file as text; nothing where there is none."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - size))
            return file.read().decode(errors="replace")
    except FileNotFoundError:
        return ""
