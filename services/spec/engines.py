"""Engines: the server programs of the process backend, and where each comes from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Wheel:
    """From PyPI: a requirements file with hashes, installed into an environment of its own.

    `home` is the engine's directory inside that environment; `*` matches the Python version.
    """

    lock: Path
    home: str = ""


@dataclass(frozen=True, slots=True)
class Maven:
    """From Maven: exactly the files of a JSON lock (coordinate, sha256, size); no POM is read.

    With `unpack` the one locked archive is opened, and what lies under that path inside it becomes
    the engine's home (`*` matches within a name; a `.txz`/`.tar.gz`/`.zip` inside the archive is
    opened too). `leave_out` names path prefixes inside it that are not needed. `executable` names
    globs that get the x bit.
    """

    lock: Path
    unpack: str | None = None
    leave_out: tuple[str, ...] = ()
    executable: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Debian:
    """Found on this machine, never installed by Polder. `program` is looked for on PATH and in
    `directories`.
    """

    package: str
    program: str
    directories: tuple[str, ...] = ("/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin")


@dataclass(frozen=True, slots=True)
class Engine:
    """A server program of an exact version. `toolchain` names another engine it needs (a JRE).

    `size_mib` is what it takes installed, `download_mib` what is fetched.
    """

    name: str
    title: str
    version: str
    source: Wheel | Maven | Debian
    licence: str
    size_mib: int
    download_mib: int
    toolchain: str = ""
