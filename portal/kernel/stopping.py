"""Whether this process was told to stop. Long work that can as well be done at the next start asks
between its steps, so that nobody waits for it.
"""

from __future__ import annotations

import threading

_told = threading.Event()


def tell() -> None:
    """From now on `told` is true. Safe in a signal handler."""
    _told.set()


def told() -> bool:
    return _told.is_set()
