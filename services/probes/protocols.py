"""What is asked in each protocol, and which answers mean that the server serves.

Nobody signs in: a server that asks for the password serves. Each check reads what a client reads
first, and ends as quietly as the protocol lets it, since the tenant reads the server's log.

Sources: PostgreSQL 17 documentation 53 (message flow), RESP, MySQL client/server protocol, Kafka
protocol guide (ApiVersions), AMQP 0-9-1 §2.2.4, NATS client protocol, memcached protocol.txt,
RFC 9112.
"""

from __future__ import annotations

import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from services.probes.wire import Wire, Wrong


@dataclass(frozen=True, slots=True)
class Question:
    """Whom to ask, and what. `check` is one of `CHECKS`."""

    check: str
    host: str
    port: int
    tls: bool
    path: str = "/"
    statuses: tuple[int, ...] = ()


# Raises Wrong for an answer of a server that does not serve, OSError where none comes.
Check = Callable[[Wire, Question], Awaitable[None]]

_NOBODY = b"polder_probe"
# Not now (starting, in recovery, ending), and no connection left.
_AWAY = frozenset({b"57P03", b"57P01", b"53300", b"XX000"})


async def postgresql(wire: Wire, asked: Question) -> None:
    """TLS if offered, then a name without a password: being asked for one is serving."""
    await wire.send(struct.pack("!ii", 8, 80877103))
    if await wire.read(1) == b"S":
        await wire.secure(asked.host)
    words = b"user\0" + _NOBODY + b"\0database\0postgres\0\0"
    await wire.send(struct.pack("!ii", 8 + len(words), 196608) + words)
    kind, length = struct.unpack("!ci", await wire.read(5))
    if kind == b"E":
        fields = (await wire.read(min(length - 4, 4096))).split(b"\0")
        codes = [part[1:] for part in fields if part[:1] == b"C"]
        if not codes or codes[0] in _AWAY:
            raise Wrong("not-now")
    elif kind != b"R":
        raise Wrong("not-postgresql")


async def redis(wire: Wire, _: Question) -> None:
    """PING. Wanting a password is an answer of a server that serves."""
    await wire.send(b"*1\r\n$4\r\nPING\r\n")
    said = await wire.line()
    if said != b"+PONG" and not said.startswith((b"-NOAUTH", b"-NOPERM")):
        raise Wrong("not-now")


async def mysql(wire: Wire, _: Question) -> None:
    """The server speaks first: its greeting, or why there is none."""
    length = int.from_bytes((await wire.read(4))[:3], "little")
    body = await wire.read(min(length, 512))
    if body[:1] == b"\xff":
        raise Wrong("not-now")
    if body[:1] != b"\x0a":
        raise Wrong("not-mysql")


async def kafka(wire: Wire, _: Question) -> None:
    """ApiVersions 0, which is answered before anybody signs in."""
    words = struct.pack("!hhih", 18, 0, 7, len(_NOBODY)) + _NOBODY
    await wire.send(struct.pack("!i", len(words)) + words)
    _, number, error = struct.unpack("!iih", await wire.read(10))
    if number != 7:
        raise Wrong("not-kafka")
    if error not in (0, 35):
        raise Wrong("not-now")


async def amqp(wire: Wire, _: Question) -> None:
    """The header of 0-9-1; `Connection.Start` is the answer."""
    await wire.send(b"AMQP\x00\x00\x09\x01")
    head = await wire.read(11)
    if head[:1] != b"\x01" or head[7:] != b"\x00\x0a\x00\x0a":
        raise Wrong("not-amqp")


async def nats(wire: Wire, _: Question) -> None:
    """The server speaks first, in the open: INFO."""
    if not (await wire.line()).startswith(b"INFO {"):
        raise Wrong("not-nats")


async def memcached(wire: Wire, _: Question) -> None:
    await wire.send(b"version\r\n")
    if not (await wire.line()).startswith((b"VERSION ", b"CLIENT_ERROR unauth")):
        raise Wrong("not-memcached")


async def http(wire: Wire, asked: Question) -> None:
    """One GET. A refusal of somebody unknown is an answer; a fault of the server is none."""
    lines = (
        f"GET {asked.path} HTTP/1.1",
        f"Host: {asked.host}:{asked.port}",
        "User-Agent: polder-probe",
        "Accept: */*",
        "Connection: close",
    )
    await wire.send(("\r\n".join(lines) + "\r\n\r\n").encode())
    parts = (await wire.line()).split(b" ")
    if len(parts) < 2 or not parts[0].startswith(b"HTTP/1.") or not parts[1].isdigit():
        raise Wrong("not-http")
    status = int(parts[1])
    if status not in asked.statuses if asked.statuses else status >= 500:
        raise Wrong(f"status-{status}")


async def connection(_: Wire, __: Question) -> None:
    """That it can be had, and TLS on it, is the answer."""


# Those that speak in the open first, whatever the endpoint's TLS is.
IN_THE_OPEN = frozenset({"postgresql", "mysql", "nats"})
CHECKS: dict[str, Check] = {
    "postgresql": postgresql,
    "redis": redis,
    "mysql": mysql,
    "kafka": kafka,
    "amqp": amqp,
    "nats": nats,
    "memcached": memcached,
    "http": http,
    "connection": connection,
}
# By the protocol of an endpoint; of others only that a connection can be had.
OF_PROTOCOL = {
    **{name: name for name in CHECKS},
    "amqps": "amqp",
    "https": "http",
    "s3": "http",
}
