"""Style sheets, scripts and pictures: collected, hashed and compressed, but only when they have
changed.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles import finders
from django.core.management import call_command

from portal.conf import static as lean


def is_current() -> bool:
    return _stamp().exists() and _stamp().read_text() == _fingerprint()


def collect() -> None:
    """Makes `STATIC_ROOT` hold what the sources say."""
    call_command("collectstatic", interactive=False, clear=True, verbosity=0)
    _stamp().write_text(_fingerprint())


def _stamp() -> Path:
    return Path(settings.STATIC_ROOT).with_name("static.stamp")


def _fingerprint() -> str:
    found = hashlib.sha256(repr(settings.STORAGES).encode())
    found.update(Path(lean.__file__).read_bytes())
    for finder in finders.get_finders():
        for path, storage in finder.list([]):
            status = os.stat(storage.path(path))
            found.update(f"{path} {status.st_size} {status.st_mtime_ns}\n".encode())
    return found.hexdigest()
