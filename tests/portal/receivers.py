"""Real receivers of webhooks on this machine, and a resolver that says what a test wants."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@dataclass
class Got:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """`answers` are (status, body) one a request, the last for ever; `drip` seconds between bytes
    of the answer; `hold` seconds before it.
    """

    port: int = 0
    answers: list[tuple[int, bytes]] = field(default_factory=lambda: [(200, b"thanks")])
    headers: dict[str, str] = field(default_factory=dict)
    hold: float = 0
    drip: float = 0
    got: list[Got] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"


@contextmanager
def receiving(
    *, address: str = "127.0.0.1", port: int = 0, certificate: Path | None = None
) -> Iterator[Receiver]:
    """A receiver that listens; with a folder of `certificate.pem` and `key.pem`, by HTTPS."""
    place = Receiver()
    server = ThreadingHTTPServer((address, port), _handler(place))
    server.daemon_threads = True
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate / "certificate.pem", certificate / "key.pem")
        server.socket = context.wrap_socket(server.socket, server_side=True)
    place.port = server.server_address[1]
    threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
    ).start()
    try:
        yield place
    finally:
        server.shutdown()
        server.server_close()


def _handler(place: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            place.got.append(Got(self.path, dict(self.headers), body))
            status, answer = place.answers[min(len(place.got), len(place.answers)) - 1]
            time.sleep(place.hold)
            try:
                self.send_response(status)
                for name, value in place.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self._write(answer)
            except OSError:  # the caller lost patience
                return

        def _write(self, answer: bytes) -> None:
            for byte in answer if place.drip else ():
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
                time.sleep(place.drip)
            if not place.drip:
                self.wfile.write(answer)

        def log_message(self, format: str, *args: Any) -> None:
            """Tests print nothing."""

    return Handler


@dataclass
class Resolver:
    """Takes the place of `socket.getaddrinfo`: answers one a question, the last for ever."""

    answers: list[list[str]]
    asked: list[str] = field(default_factory=list)

    def __call__(self, host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        self.asked.append(host)
        found = self.answers[min(len(self.asked), len(self.answers)) - 1]
        if not found:
            raise socket.gaierror("no such name")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in found]
