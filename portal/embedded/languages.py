"""Message files: what translators write (`.po`), compiled by Babel into what Django reads (`.mo`),
beside each other and only when they have changed.
"""

from __future__ import annotations

import os
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from django.conf import settings


def stale() -> list[Path]:
    """The `.po` files that are newer than what was compiled from them."""
    return [path for path in _sources() if not _is_current(path)]


def compile_messages(paths: list[Path]) -> None:
    """Writes the `.mo` of each, whole or not at all: another process may be reading the old one."""
    for path in paths:
        with path.open("rb") as source:
            catalog = read_po(source, locale=path.parent.parent.name, charset="utf-8")
        part = path.with_name(f"{path.stem}.{os.getpid()}.part")
        with part.open("wb") as target:
            write_mo(target, catalog)
        part.replace(_compiled(path))


def _sources() -> list[Path]:
    return sorted(
        path for folder in settings.LOCALE_PATHS for path in Path(folder).glob("*/LC_MESSAGES/*.po")
    )


def _is_current(path: Path) -> bool:
    compiled = _compiled(path)
    return compiled.exists() and compiled.stat().st_mtime_ns >= path.stat().st_mtime_ns


def _compiled(path: Path) -> Path:
    return path.with_suffix(".mo")
