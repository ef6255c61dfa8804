"""A file that a program touches while it works: a probe looks at its age, which costs it nothing.

Only where `POLDER_ALIVE_FILE` names one, as deploy/ does for programs that answer no requests.
"""

from __future__ import annotations

from pathlib import Path

from django.conf import settings

SECONDS = 5  # how often it should be touched


def touch() -> None:
    if settings.POLDER_ALIVE_FILE:
        Path(settings.POLDER_ALIVE_FILE).touch()
