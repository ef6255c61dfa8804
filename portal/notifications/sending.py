"""One request to one checked address, on the standard library's client: it follows no redirect,
knows no proxy, and lets us choose the address that it connects to.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from threading import Timer
from typing import IO

from django.conf import settings

from portal.notifications.targets import Url

CONNECT_SECONDS = 3.0
TOTAL_SECONDS = 10.0
MOST_HEAD = 1024


class SendError(Exception):
    """`code` is what the log of deliveries shows: connect, tls, timeout, protocol."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Answer:
    """`head` is the beginning of the body, as text."""

    status: int
    head: str


class _Connection(http.client.HTTPConnection):
    """Connects to `address`; name, certificate and Host header stay those of the URL."""

    def __init__(self, url: Url, address: str, seconds: float) -> None:
        self.default_port = 443 if url.scheme == "https" else 80
        super().__init__(url.host, url.port, timeout=CONNECT_SECONDS)
        self._url, self._address = url, address
        self.cut = False
        # The response keeps the socket when the connection has let it go.
        self._open: socket.socket | None = None
        self._seconds = seconds
        self._timer = Timer(seconds, self._cut_off)
        self._timer.daemon = True

    def connect(self) -> None:
        self._timer.start()
        family = socket.AF_INET6 if ":" in self._address else socket.AF_INET
        self.sock = self._open = socket.socket(family, socket.SOCK_STREAM)
        self.sock.settimeout(CONNECT_SECONDS)
        self.sock.connect((self._address, self._url.port))  # an address: nothing is resolved here
        if self._url.scheme == "https":
            wrapped = _context(settings.POLDER_WEBHOOK_CA).wrap_socket(
                self.sock, server_hostname=self._url.host, do_handshake_on_connect=False
            )
            self.sock = self._open = wrapped
            wrapped.do_handshake()
        self.sock.settimeout(self._seconds)

    def _cut_off(self) -> None:
        """A socket's own time-out begins anew with every byte; this one does not."""
        self.cut = True
        if self._open is not None:
            with suppress(OSError):
                socket.socket.shutdown(self._open, socket.SHUT_RDWR)

    def end(self) -> None:
        self._timer.cancel()
        self.close()


@lru_cache(maxsize=4)
def _context(authority: str) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if authority:
        context.load_verify_locations(authority)
    return context


def post(url: Url, address: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    """What it answers; a redirect is an answer like any other. Raises: SendError."""
    return send("POST", url, address, body, headers)


def send(
    method: str,
    url: Url,
    address: str,
    body: bytes | IO[bytes],
    headers: Mapping[str, str],
    seconds: float = 0,
) -> Answer:
    """The same with another method, and with a file, whose length stands in `headers`. All of it
    takes `seconds` at most, TOTAL_SECONDS with 0. Raises: SendError.
    """
    connection = _Connection(url, address, seconds or TOTAL_SECONDS)
    try:
        connection.request(method, url.path, body, dict(headers))
        response = connection.getresponse()
        return Answer(response.status, _head(response))
    except (TimeoutError, ssl.SSLError, OSError, http.client.HTTPException, ValueError) as error:
        raise SendError(_code(connection, error)) from error
    finally:
        connection.end()


def _head(response: http.client.HTTPResponse) -> str:
    """The status has come, and that is the answer: a body that breaks off changes nothing."""
    head = b""
    with response, suppress(OSError, http.client.HTTPException, ValueError):
        while len(head) < MOST_HEAD and (more := response.read1(MOST_HEAD - len(head))):
            head += more
    return head.decode("utf-8", "replace").replace("\0", "\ufffd")


def _code(connection: _Connection, error: Exception) -> str:
    if connection.cut or isinstance(error, TimeoutError):
        return "timeout"
    if isinstance(error, ssl.SSLError):
        return "tls"
    if isinstance(error, OSError) and not isinstance(error, http.client.HTTPException):
        return "connect"
    return "protocol"


def elapsed_ms(since: float) -> int:
    return round((time.monotonic() - since) * 1000)
