"""A value that many requests read and that may be some seconds old: read once, kept in the process.

The status page must answer when other parts do not, so this needs no cache server, and when the
database is away the last value stays.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from django.db import InterfaceError, OperationalError

logger = logging.getLogger(__name__)
Value = TypeVar("Value")


class Fresh(Generic[Value]):
    """Calls `read` again when its last value is older than `seconds`."""

    def __init__(self, read: Callable[[], Value], *, seconds: float) -> None:
        self._read = read
        self._nanoseconds = int(seconds * 10**9)
        self._held: tuple[Value, int] | None = None

    def __call__(self) -> Value:
        """Raises: OperationalError when the database is away and nothing was read before."""
        held = self._held
        if held is not None and time.monotonic_ns() - held[1] < self._nanoseconds:
            return held[0]
        try:
            value = self._read()
        except (OperationalError, InterfaceError):
            if held is None:
                raise
            logger.warning("status.stale", exc_info=True)
            return held[0]
        self._held = (value, time.monotonic_ns())
        return value

    def forget(self) -> None:
        self._held = None
