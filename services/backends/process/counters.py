"""What clients asked of the servers of this machine: each server tells what it counted, when it is
asked in its own protocol.

A counter is named with the run of its server, so that the next run begins at nothing for whoever
compares. What was counted while an instance was set up is ours, and taken off.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from portal.kernel.errors import BackendError, Temporary
from services.backends.process.layout import Folder
from services.backends.process.run import Surroundings, answer
from services.backends.process.supervisor import State
from services.spec import Counted, Counting, Entry, InstanceSpec, UsageAsked, UsageTold

logger = logging.getLogger(__name__)
_SECONDS = 120  # for all of them; who is not asked by then is asked at the next look
_NOT_AN_ANSWER = (ValueError, KeyError, TypeError, AttributeError)


@dataclass(frozen=True, slots=True)
class Server:
    """One that can be asked; `counting` is None for one that counts nothing."""

    folder: Folder
    counting: Counting | None
    around: Surroundings


Find = Callable[[Entry, InstanceSpec], Server]
Look = Callable[[], Mapping[str, State]]


def read(wanted: UsageAsked, look: Look, find: Find) -> UsageTold:
    """Nothing of those that do not run, and the others not at all that do not answer.

    Raises: Temporary when none of those that run does.
    """
    end, states = time.monotonic() + _SECONDS, look()
    running: dict[str, Server] = {}
    found: dict[str, tuple[Counted, ...]] = {}
    for entry, spec, _since in wanted:
        if entry.process is None or (server := find(entry, spec)).counting is None:
            continue
        if spec.name in states and states[spec.name].running:
            running[spec.name] = server
        else:
            found[spec.name] = ()
    told: dict[str, tuple[Counted, ...]] = {}
    for name, server in running.items():
        if time.monotonic() > end:
            break
        try:
            told[name] = _ask(server, states[name])
        except BackendError as error:
            logger.info("counters.not_told", extra={"instance": name, "code": error.code})
    if running and not told:
        raise Temporary("engine-not-ready", retry_after=60)
    # Of one that was started meanwhile nobody knows which run has answered.
    after = look() if told else states
    same = {name for name in told if name in after and _run(after[name]) == _run(states[name])}
    return found | {name: told[name] for name in same}


def begin(server: Server, state: State) -> None:
    """Remembers where the counters of an instance stand when it is handed over."""
    _file(server).unlink(missing_ok=True)
    try:
        counted = _ask(server, state)
    except BackendError as error:
        extra = {"instance": server.folder.instance, "code": error.code}
        logger.info("counters.not_told", extra=extra)
        return
    stood = {one.counter: int(one.quantity) for one in counted if one.quantity}
    if stood:
        part = server.folder.path / "counted.part"
        part.write_text(json.dumps(stood))
        part.replace(_file(server))


def _ask(server: Server, state: State) -> tuple[Counted, ...]:
    counting = server.counting
    if counting is None:
        return ()
    said = answer(counting.ask, server.around)
    try:
        standing = tuple(counting.read(said))
    except _NOT_AN_ANSWER as error:
        raise Temporary("engine-not-ready", retry_after=60, detail="no counters") from error
    run, ours = "" if counting.lasting else _run(state), _ours(server)
    found = []
    for one in standing:
        counter = "/".join((one.meter, run, one.name))
        found.append(Counted(one.meter, Decimal(one.value - ours.get(counter, 0)), counter=counter))
    return tuple(found)


def _run(state: State) -> str:
    return f"{state.start}.{state.pid}"


def _ours(server: Server) -> dict[str, int]:
    try:
        found: dict[str, int] = json.loads(_file(server).read_text())
    except FileNotFoundError:
        return {}
    return found


def _file(server: Server) -> Path:
    return server.folder.path / "counted.json"
