"""Opens the archive that a Maven engine comes in, without letting it write outside its directory.

Each entry is checked three times: its own path, where a link points, and (through links that came
before) the real directory it lands in.
"""

from __future__ import annotations

import fnmatch
import io
import lzma
import os
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Literal

from portal.kernel.errors import Permanent
from services.spec import Maven


@dataclass(frozen=True, slots=True)
class _Entry:
    """`link` is where a symbolic link points, or the archive's name of what a hard link repeats."""

    name: str
    kind: Literal["file", "folder", "symlink", "hardlink"]
    executable: bool = False
    link: str = ""
    data: IO[bytes] | None = None


def unpack(archive: Path, source: Maven, part: Path) -> None:
    """What lies under `source.unpack`; `inner.txz!` in front of it opens an archive inside the
    archive. Raises: Permanent("engine-checksum") on a damaged archive or one that wants out.
    """
    inner, _, prefix = (source.unpack or "").rpartition("!")
    try:
        opened: IO[bytes] = _inside(archive, inner) if inner else archive.open("rb")
        found = False
        with opened:
            for entry in _entries(opened):
                path = _below(entry.name, prefix)
                if path is not None and not f"{path}/".startswith(source.leave_out):
                    _put(entry, part, path, prefix)
                    found = True
    except (tarfile.TarError, zipfile.BadZipFile, lzma.LZMAError, zlib.error, EOFError) as error:
        raise Permanent("engine-checksum", detail=f"{archive.name}: {error}") from error
    if not found:
        raise Permanent("engine-checksum", detail=f"{archive.name} holds no {source.unpack}")


def _inside(archive: Path, pattern: str) -> io.BytesIO:
    with zipfile.ZipFile(archive) as file:
        names = fnmatch.filter(file.namelist(), pattern)
        if not names:
            raise Permanent("engine-checksum", detail=f"{archive.name} holds no {pattern}")
        return io.BytesIO(file.read(names[0]))


def _entries(opened: IO[bytes]) -> Iterator[_Entry]:
    if zipfile.is_zipfile(opened):
        yield from _zip_entries(opened)
    else:
        opened.seek(0)
        yield from _tar_entries(opened)


def _zip_entries(opened: IO[bytes]) -> Iterator[_Entry]:
    with zipfile.ZipFile(opened) as file:
        for info in file.infolist():
            mode = info.external_attr >> 16
            if info.is_dir():
                yield _Entry(info.filename, "folder")
            elif stat.S_ISLNK(mode):
                yield _Entry(info.filename, "symlink", link=file.read(info).decode())
            else:
                with file.open(info) as data:
                    yield _Entry(info.filename, "file", bool(mode & 0o100), data=data)


def _tar_entries(opened: IO[bytes]) -> Iterator[_Entry]:
    with tarfile.open(mode="r:*", fileobj=opened) as tar:
        for member in tar:
            if member.isdir():
                yield _Entry(member.name, "folder")
            elif member.issym():
                yield _Entry(member.name, "symlink", link=member.linkname)
            elif member.islnk():
                yield _Entry(member.name, "hardlink", link=member.linkname)
            elif member.isfile():
                data = tar.extractfile(member)
                yield _Entry(member.name, "file", bool(member.mode & 0o100), data=data)


def _put(entry: _Entry, part: Path, path: PurePosixPath, prefix: str) -> None:
    target = part / path
    if entry.kind == "folder":
        _inner(target, part, entry.name).mkdir(parents=True, exist_ok=True)
        return
    _inner(target.parent, part, entry.name).mkdir(parents=True, exist_ok=True)
    if target.is_symlink():  # never write through a link that came before
        target.unlink()
    if entry.kind == "symlink":
        _inner(target.parent / entry.link, part, entry.name)
        target.symlink_to(entry.link)
    elif entry.kind == "hardlink":
        twin = _below(entry.link, prefix)
        if twin is None:
            raise _escape(entry.name)
        os.link(_inner(part / twin, part, entry.name), target)
    elif entry.data is not None:
        with target.open("wb") as file:
            shutil.copyfileobj(entry.data, file, 1 << 20)
        target.chmod(0o755 if entry.executable else 0o644)


def _inner(path: Path, part: Path, name: str) -> Path:
    """`path`, if it lies in `part` when all links are followed. Raises: Permanent."""
    if not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(part)):
        raise _escape(name)
    return path


def _below(name: str, prefix: str) -> PurePosixPath | None:
    """`name` relative to `prefix` (parts may hold `*`); None outside it. Raises: Permanent."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise _escape(name)
    wanted, parts = PurePosixPath(prefix).parts, path.parts
    if len(parts) <= len(wanted):
        return None
    if not all(fnmatch.fnmatchcase(p, w) for p, w in zip(parts, wanted, strict=False)):
        return None
    return PurePosixPath(*parts[len(wanted) :])


def _escape(name: str) -> Permanent:
    return Permanent("engine-checksum", detail=f"The archive's entry {name} leads out of it.")
