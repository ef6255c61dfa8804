"""Ports of 127.0.0.1, held by instance. A file per port is the lease: made with O_EXCL, removed at
destroy.

Two installations on one machine start to look at different places, and a port that anything listens
on is passed over. The range lies below the kernel's ephemeral ports.
"""

from __future__ import annotations

import os
import socket
import zlib
from collections.abc import Iterator
from pathlib import Path

from portal.kernel.errors import Permanent

FIRST, LAST = 20000, 32000


def _candidates(home: Path) -> Iterator[int]:
    size = LAST - FIRST
    start = zlib.crc32(os.fsencode(home)) % size
    for step in range(size):
        yield FIRST + (start + step) % size


def allocate(home: Path, instance: str, listeners: list[str]) -> dict[str, int]:
    """A port for each listener name, kept until `release`; asking again gives the same ones.

    Raises: Permanent("no-port") when the range is used up.
    """
    folder = home / "ports"
    folder.mkdir(parents=True, exist_ok=True)
    held = held_by(home, instance)
    for name in listeners:
        if name not in held:
            held[name] = _take(home, folder, f"{instance} {name}")
    return {name: held[name] for name in listeners}


def _take(home: Path, folder: Path, owner: str) -> int:
    for port in _candidates(home):
        path = folder / str(port)
        if path.exists() or not _is_free(port):
            continue
        # Written whole before it gets its name, so that a reader never sees a lease without an
        # owner.
        part = folder / f".{port}.{os.getpid()}.{os.urandom(4).hex()}"
        part.write_text(owner)
        try:
            os.link(part, path)
        except FileExistsError:
            continue
        finally:
            part.unlink()
        return port
    raise Permanent("no-port", first=FIRST, last=LAST)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def held_by(home: Path, instance: str) -> dict[str, int]:
    """Listener name → port of what `instance` holds."""
    found: dict[str, int] = {}
    for path in (home / "ports").glob("[0-9]*"):
        try:
            owner, _, listener = path.read_text().partition(" ")
        except FileNotFoundError:
            continue
        if owner == instance:
            found[listener] = int(path.name)
    return found


def release(home: Path, instance: str) -> None:
    """Gives back all ports of `instance`."""
    for port in held_by(home, instance).values():
        (home / "ports" / str(port)).unlink(missing_ok=True)
