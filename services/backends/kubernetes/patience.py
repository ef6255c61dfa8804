"""How long the answer of an API server is waited for: long by a worker, short while a person waits
for a page.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from kubernetes import client

from portal.kernel.errors import Temporary

CONNECT_SECONDS, ANSWER_SECONDS = 3.05, 20.0
PAGE_SECONDS, CHECK_SECONDS = 3.0, 15.0  # a check asks for much, and staff wait for it
_until: ContextVar[float | None] = ContextVar("until", default=None)


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """All that is asked in here takes so long together at most; then the region counts as away."""
    token = _until.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _until.reset(token)


def left() -> float | tuple[float, float]:
    """In seconds: for all of a request, or to connect and between two parts of the answer.
    Raises: Temporary("region-unreachable") where the time is over.
    """
    until = _until.get()
    if until is None:
        return CONNECT_SECONDS, ANSWER_SECONDS
    seconds = until - time.monotonic()
    if seconds <= 0:
        raise Temporary("region-unreachable", retry_after=5, detail="It answers too slowly.")
    return min(seconds, ANSWER_SECONDS)


class PatientClient(client.ApiClient):
    """Every request has an end, those that the library makes by itself included."""

    def call_api(self, *request: Any, **more: Any) -> Any:
        more["_request_timeout"] = more.get("_request_timeout") or left()
        return super().call_api(*request, **more)
