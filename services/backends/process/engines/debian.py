"""Engines of the machine's own packages: found, never installed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from services.spec import Debian


def find(source: Debian) -> Path | None:
    """The directory that holds the program; what the recipe names comes before PATH, the system's
    own folders after it (PATH lacks them for most users).
    """
    for folder in source.directories:
        if os.access(Path(folder) / source.program, os.X_OK):
            return Path(folder)
    found = shutil.which(source.program) or shutil.which(source.program, path="/usr/sbin:/sbin")
    return Path(found).parent if found else None
