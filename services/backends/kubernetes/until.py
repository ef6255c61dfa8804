"""Connections whose answers have an end, headers included: a time-out of a socket begins anew with
each byte, so whoever drips them is listened to for ever.

Within `deadline` every answer of a `pool` is read until then at most; connecting and sending keep
the time-outs of the request. Raises TimeoutError, which urllib3 tells as its own.
"""

from __future__ import annotations

import io
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from http.client import HTTPResponse
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

_end: ContextVar[float | None] = ContextVar("end", default=None)


@contextmanager
def deadline(end: float) -> Iterator[None]:
    """`end` as `time.monotonic` counts."""
    token = _end.set(end)
    try:
        yield
    finally:
        _end.reset(token)


def pool(**options: Any) -> urllib3.PoolManager:
    """A pool as of urllib3."""
    manager = urllib3.PoolManager(**options)
    manager.pool_classes_by_scheme = {"http": _Plain, "https": _Tls}
    return manager


class _Bytes(io.RawIOBase):
    """What a socket sends, until `end`."""

    def __init__(self, sent: io.RawIOBase, sock: socket.socket, end: float) -> None:
        self._sent, self._sock, self._end = sent, sock, end

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self._sock.settimeout(left)
        return self._sent.readinto(buffer)

    def close(self) -> None:
        self._sent.close()
        super().close()


class _Answer(HTTPResponse):
    """Reads status line, headers and body through `_Bytes`."""

    def __init__(self, sock: socket.socket, *given: Any, **named: Any) -> None:
        super().__init__(sock, *given, **named)
        end = _end.get()
        if end is not None and isinstance(self.fp, io.BufferedReader):
            self.fp = io.BufferedReader(_Bytes(self.fp.detach(), sock, end))


class _PlainConnection(HTTPConnection):
    response_class = _Answer


class _TlsConnection(HTTPSConnection):
    response_class = _Answer


class _Plain(urllib3.HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _Tls(urllib3.HTTPSConnectionPool):
    ConnectionCls = _TlsConnection
