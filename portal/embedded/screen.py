"""What `manage.py up` shows: steps with their progress, the welcome, and the programs' logs merged,
each line behind its program's name.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

_WIDTH = 46
_QUIET_SECONDS = 0.3  # a step that is over sooner is not worth a line
_EVERY_PERCENT = 20


@dataclass
class Screen:
    """Writes to a terminal (one line a step, rewritten as it goes) or to a file (plain lines)."""

    out: TextIO = field(default_factory=lambda: sys.stdout)

    @property
    def live(self) -> bool:
        return self.out.isatty()

    def line(self, text: str = "") -> None:
        self.out.write(text + "\n")
        self.out.flush()

    @contextmanager
    def step(self, title: str, *, always: bool = False) -> Iterator[Step]:
        """A step of the start. Its line shows when it takes longer than a moment, or `always`."""
        step = Step(self, title)
        if always:
            step.show()
        yield step
        step.end(always)


@dataclass
class Step:
    """One step under way."""

    screen: Screen
    title: str
    began: float = field(default_factory=time.monotonic)
    said: int = -1

    def show(self, detail: str = "") -> None:
        if self.screen.live:
            self.screen.out.write(f"\r  {self.title:{_WIDTH}} {detail:12}")
            self.screen.out.flush()
        elif detail:
            self.screen.line(f"  {self.title:{_WIDTH}} {detail}")

    def progress(self, percent: int, _what: str) -> None:
        """As engines report it."""
        if self.screen.live or percent >= self.said + _EVERY_PERCENT:
            self.said = percent
            self.show(f"{percent} %")

    def end(self, always: bool) -> None:
        seconds = time.monotonic() - self.began
        if always or self.said >= 0 or seconds >= _QUIET_SECONDS:
            start = "\r" if self.screen.live else ""
            self.screen.line(f"{start}  {self.title:{_WIDTH}} {f'{seconds:.1f} s':12}".rstrip())


class Tail:
    """Follows log files from their present end, through rotation."""

    def __init__(self, files: dict[str, Path]) -> None:
        self.files = files
        self.width = max(map(len, files))
        self._open: dict[str, tuple[int, int]] = {
            name: _where(path) for name, path in files.items()
        }
        self._rest: dict[str, bytes] = {}

    def lines(self) -> Iterator[str]:
        """What has been added since the last call, whole lines only, each behind its name."""
        for name, path in self.files.items():
            for line in self._added(name, path):
                yield f"{name:{self.width}} | {line}"

    def _added(self, name: str, path: Path) -> list[str]:
        inode, offset = self._open[name]
        now_inode, size = _where(path)
        if now_inode != inode or size < offset:
            offset = 0
        if size == offset:
            self._open[name] = now_inode, size
            return []
        with path.open("rb") as file:
            file.seek(offset)
            data = file.read(2**20)
        self._open[name] = now_inode, offset + len(data)
        *whole, rest = (self._rest.get(name, b"") + data).split(b"\n")
        self._rest[name] = rest
        return [line.decode(errors="replace") for line in whole if line.strip()]


def _where(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except FileNotFoundError:
        return 0, 0
    return found.st_ino, found.st_size


def last_lines(path: Path, count: int = 8) -> str:
    """The end of a log, indented, for a refusal."""
    try:
        lines = path.read_bytes()[-8000:].decode(errors="replace").splitlines()[-count:]
    except FileNotFoundError:
        return "    (empty)"
    return "\n".join(f"    {line}" for line in lines)
