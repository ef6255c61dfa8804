"""One connection of a probe: bytes out, bytes in, TLS when wanted, and how long answers took.

On bare sockets, since ten thousand of them may wait at once: a stream of asyncio holds 256 KiB for
TLS alone.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from datetime import UTC, datetime

from cryptography import x509

_MOST = 65536  # no answer that a probe waits for is longer
_PIECE = 4096


class Wrong(Exception):
    """The server answered, and it does not serve. `code` says how."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def _context() -> ssl.SSLContext:
    """Whose certificate it is does not matter here: nothing secret is sent. Its dates do."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    return made


_CONTEXT = _context()


class Wire:
    """Use as a context manager. `waited` is seconds spent on answers, not on connecting or TLS.
    Once it is closed, `silent` is for how long it had been waiting for the last answer.
    """

    def __init__(self, family: int = socket.AF_INET) -> None:
        self._socket = socket.socket(family, socket.SOCK_STREAM)
        self._socket.setblocking(False)
        self._loop = asyncio.get_running_loop()
        self._held = b""
        self._tls: ssl.SSLObject | None = None
        self.waited = self.silent = 0.0
        self._since = time.monotonic()

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_: object) -> None:
        self.silent = time.monotonic() - self._since
        self._socket.close()

    async def connect(self, address: tuple[str, int]) -> None:
        """Raises: OSError."""
        await self._loop.sock_connect(self._socket, address)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    async def secure(self, host: str) -> None:
        """TLS from here on. Raises: OSError, Wrong for a certificate that is over."""
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = _CONTEXT.wrap_bio(self._in, self._out, server_hostname=host)
        self._in.write(self._held)
        self._held = b""
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                await self._flush()
                self._in.write(await self._received())
        await self._flush()
        self._tls = tls
        _look_at(tls.getpeercert(binary_form=True))

    async def send(self, data: bytes) -> None:
        if self._tls is None:
            await self._loop.sock_sendall(self._socket, data)
            return
        self._tls.write(data)
        await self._flush()

    async def read(self, count: int) -> bytes:
        """Exactly so many bytes. Raises: OSError, also when the server ends before."""
        began = time.monotonic()
        while len(self._held) < count:
            self._held += await self._more()
        self.waited += time.monotonic() - began
        taken, self._held = self._held[:count], self._held[count:]
        return taken

    async def line(self) -> bytes:
        """Up to and without the next line feed. Raises: OSError, Wrong for one without an end."""
        began = time.monotonic()
        while b"\n" not in self._held:
            if len(self._held) > _MOST:
                raise Wrong("too-long")
            self._held += await self._more()
        self.waited += time.monotonic() - began
        taken, _, self._held = self._held.partition(b"\n")
        return taken.rstrip(b"\r")

    async def _more(self) -> bytes:
        if self._tls is None:
            return await self._received()
        while True:
            try:
                piece = self._tls.read(_PIECE)
            except ssl.SSLWantReadError:
                self._in.write(await self._received())
                continue
            if not piece:
                raise ConnectionResetError
            return piece

    async def _received(self) -> bytes:
        self._since = time.monotonic()
        piece = await self._loop.sock_recv(self._socket, _PIECE)
        if not piece:
            raise ConnectionResetError
        return piece

    async def _flush(self) -> None:
        if self._out.pending:
            await self._loop.sock_sendall(self._socket, self._out.read())


def _look_at(certificate: bytes | None) -> None:
    """Clients refuse one whose time is over, so such a server serves nobody."""
    if certificate and x509.load_der_x509_certificate(certificate).not_valid_after_utc < _now():
        raise Wrong("certificate-over")


def _now() -> datetime:
    return datetime.now(UTC)
