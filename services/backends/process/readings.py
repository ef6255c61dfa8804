"""What the servers of this machine take: processor time and memory of their processes, connections
of their clients.

Processes and sockets are read once for all instances, so the cost grows with the machine and not
with the square of it. Source: proc(5), /proc/PID/stat and statm, /proc/net/tcp.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from services.backends.process import ports
from services.backends.process.layout import Folder
from services.backends.process.supervisor import State
from services.spec import Reading

_SOCKETS = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_ESTABLISHED = "01"
_MIB = 2**20


@dataclass(slots=True)
class _Process:
    """`used_ms` of processor time, its children that have ended included."""

    used_ms: int
    private: int
    shared: int
    children: list[int] = field(default_factory=list)


def read(home: Path, states: Mapping[str, State], names: Collection[str]) -> dict[str, Reading]:
    """Of those of `names` that run under the supervisor."""
    running = {name: states[name].pid for name in names if name in states and states[name].running}
    table = _processes()
    held = {name: set(ports.held_by(home, name).values()) for name in running}
    connected = _connections(held, _ours(home, states, table))
    found = {}
    for name, pid in running.items():
        tree = list(_tree(pid, table))
        if tree:
            found[name] = _reading(tree, None if connected is None else connected.get(name, 0))
    return found


def _reading(tree: list[_Process], connections: int | None) -> Reading:
    """What processes share with each other, as the buffers of a database, counts once."""
    memory = sum(one.private for one in tree) + max(one.shared for one in tree)
    return Reading(
        memory_mib=memory // _MIB,
        cpu_milliseconds=sum(one.used_ms for one in tree),
        connections=connections,
    )


def _processes() -> dict[int, _Process]:
    found: dict[int, _Process] = {}
    parents: list[tuple[int, int]] = []
    for process in psutil.process_iter(["ppid", "cpu_times", "memory_info"]):
        told = process.info
        if told["cpu_times"] is None or told["memory_info"] is None:
            continue  # it ended meanwhile
        used = sum(told["cpu_times"][:4])  # user, system, and both of its children
        shared = getattr(told["memory_info"], "shared", 0)
        private = max(told["memory_info"].rss - shared, 0)
        found[process.pid] = _Process(round(used * 1000), private, shared)
        parents.append((process.pid, told["ppid"]))
    for pid, parent in parents:
        if parent in found:
            found[parent].children.append(pid)
    return found


def _tree(pid: int, table: Mapping[int, _Process]) -> Iterator[_Process]:
    for one in _pids(pid, table):
        yield table[one]


def _pids(pid: int, table: Mapping[int, _Process]) -> Iterator[int]:
    if pid in table:
        yield pid
        for child in table[pid].children:
            yield from _pids(child, table)


def _ours(home: Path, states: Mapping[str, State], table: Mapping[int, _Process]) -> set[int]:
    """Processes of Polder itself, which looks at its instances by connecting to them."""
    roots = {s.pid for n, s in states.items() if s.running and not Folder(home, n).exists()}
    return {pid for root in {*roots, os.getpid()} for pid in _pids(root, table)}


def _connections(held: Mapping[str, set[int]], ours: Iterable[int]) -> dict[str, int] | None:
    """How many clients each has; None where the system does not tell."""
    owners = {port: name for name, of_one in held.items() for port in of_one}
    from_us = set(_own_ends(ours, owners))
    counts: dict[str, int] = {}
    try:
        for local, remote in _established():
            if local in owners and remote not in from_us:
                counts[owners[local]] = counts.get(owners[local], 0) + 1
    except FileNotFoundError:
        return None
    return counts


def _own_ends(pids: Iterable[int], owners: Mapping[int, str]) -> Iterator[int]:
    for pid in pids:
        with contextlib.suppress(psutil.Error):
            for one in psutil.Process(pid).net_connections("tcp"):
                if one.raddr and one.raddr.port in owners:
                    yield one.laddr.port


def _established() -> Iterator[tuple[int, int]]:
    """Ports of both ends, of each socket that is connected."""
    for path in _SOCKETS:
        for line in path.read_text().splitlines()[1:]:
            _number, local, remote, state = line.split(None, 4)[:4]
            if state == _ESTABLISHED:
                yield int(local.rpartition(":")[2], 16), int(remote.rpartition(":")[2], 16)
