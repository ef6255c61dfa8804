"""One probe: a question, an answer within its time, and whose fault it is when there is none."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
import time
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from services.probes.protocols import CHECKS, IN_THE_OPEN, OF_PROTOCOL, Question
from services.probes.wire import Wire, Wrong
from services.spec import Endpoint, Probe

_OUTSIDE = "public"
NO_ANSWER = "no-answer"
_LATE = 0.5  # seconds
_NAME_SECONDS = 30.0  # an address is looked up again after that, or once nobody answers there
# What is missing is missing here, on the machine that asks.
_OURS = frozenset(
    {
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOBUFS,
        errno.ENOMEM,
        errno.EADDRNOTAVAIL,
        errno.ENETDOWN,
        errno.ENETUNREACH,
    }
)
_NO_SUCH_NAME = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)})


class State(StrEnum):
    UP = "up"
    DOWN = "down"
    UNKNOWN = "unknown"  # nobody could ask: never the service's fault


@dataclass(frozen=True, slots=True)
class Verdict:
    """`micros` is how long answers took, in microseconds; None where none came, or where it was
    us who were slow. `why` is a code.
    """

    state: State
    micros: int | None = None
    why: str = ""


def question(probe: Probe, endpoints: Iterable[Endpoint], *, outside: bool) -> Question | None:
    """What to ask an instance with these endpoints, in their order. `outside` asks those for the
    internet. None when it has none that can be asked.
    """
    fitting = [
        e
        for e in endpoints
        if e.name.startswith(_OUTSIDE) == outside
        and (not probe.endpoint or e.name.removeprefix(f"{_OUTSIDE}-") == probe.endpoint)
    ]
    if not fitting:
        return None
    to = fitting[0]
    check = probe.check or OF_PROTOCOL.get(to.protocol, "connection")
    return Question(check, to.host, to.port, to.tls, probe.path, probe.statuses)


class Names:
    """Addresses of hosts, kept for a moment: most are asked for again and again."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, tuple[int, str]]] = {}
        self._asked: dict[str, asyncio.Task[tuple[int, str]]] = {}

    async def address(self, host: str, port: int) -> tuple[int, tuple[str, int]]:
        """(family, socket address). Raises: socket.gaierror."""
        found = self._known.get(host)
        if found is None or found[0] < time.monotonic():
            if host not in self._asked:  # many may ask at once
                self._asked[host] = asyncio.create_task(_look_up(host))
                self._asked[host].add_done_callback(partial(self._answered, host))
            answer = await asyncio.shield(self._asked[host])
            found = self._known[host] = (time.monotonic() + _NAME_SECONDS, answer)
        family, name = found[1]
        return family, (name, port)

    def _answered(self, host: str, task: asyncio.Task[tuple[int, str]]) -> None:
        del self._asked[host]
        if not task.cancelled():
            task.exception()  # whoever still waits raises it

    def forget(self, host: str) -> None:
        self._known.pop(host, None)

    def tidy(self) -> None:
        now = time.monotonic()
        self._known = {host: one for host, one in self._known.items() if one[0] >= now}


async def _look_up(host: str) -> tuple[int, str]:
    try:  # most are addresses already, which takes no thread
        rows = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except socket.gaierror:
        loop = asyncio.get_running_loop()
        rows = list(await loop.getaddrinfo(host, 0, type=socket.SOCK_STREAM))
    return rows[0][0], str(rows[0][4][0])


async def ask(asked: Question, names: Names, *, seconds: float) -> Verdict:
    """Never raises for what the network or the server does."""
    used: list[Wire] = []
    began = time.monotonic()
    try:
        async with asyncio.timeout(seconds):
            return await _ask(asked, names, used)
    except TimeoutError:
        names.forget(asked.host)
        # Late ourselves: we looked too late for what may have come, or asked too late.
        waited = used[0].silent if used else 0.0
        late = time.monotonic() - began > seconds + _LATE or waited < seconds / 2
        return Verdict(State.UNKNOWN, why="late") if late else Verdict(State.DOWN, why=NO_ANSWER)
    except Wrong as error:
        return Verdict(State.DOWN, why=error.code)
    except socket.gaierror as error:
        known = error.errno in _NO_SUCH_NAME
        return Verdict(State.DOWN if known else State.UNKNOWN, why="name")
    except ssl.SSLError:
        return Verdict(State.DOWN, why="tls")
    except OSError as error:
        names.forget(asked.host)
        if error.errno in _OURS:
            return Verdict(State.UNKNOWN, why=errno.errorcode[error.errno].lower())
        return Verdict(State.DOWN, why="refused")


async def _ask(asked: Question, names: Names, used: list[Wire]) -> Verdict:
    family, address = await names.address(asked.host, asked.port)
    with Wire(family) as wire:
        used.append(wire)
        began = time.monotonic()
        await wire.connect(address)
        if asked.tls and asked.check not in IN_THE_OPEN:
            await wire.secure(asked.host)
        ready = time.monotonic() - began
        await CHECKS[asked.check](wire, asked)
        # Where nothing is asked, reaching it is all there is to measure.
        waited = ready if asked.check == "connection" else wire.waited
    return Verdict(State.UP, max(1, round(waited * 1_000_000)))
