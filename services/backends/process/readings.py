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

_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
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


def _pids(pid: int, table: Mapping[int, _Process], without: Collection[int] = ()) -> Iterator[int]:
    """It and all below it."""
    if pid in table and pid not in without:
        yield pid
        for child in table[pid].children:
            yield from _pids(child, table, without)


def _ours(home: Path, states: Mapping[str, State], table: Mapping[int, _Process]) -> set[int]:
    """Processes of Polder itself, which looks at its instances by connecting to them."""
    roots, instances = {os.getpid()}, set[int]()
    for name, state in states.items():
        if state.running:
            (instances if Folder(home, name).exists() else roots).add(state.pid)
    return {pid for root in roots for pid in _pids(root, table, instances)}


def _connections(held: Mapping[str, set[int]], ours: Iterable[int]) -> dict[str, int] | None:
    """How many clients each has; None where the system does not tell. Both ends of a connection
    are sockets of this machine: that of the client says by its number whose it is.
    """
    owners = {port: name for name, of_one in held.items() for port in of_one}
    served: list[tuple[str, int]] = []
    clients: dict[int, str] = {}
    try:
        for local, remote, inode in _established():
            if local in owners:
                served.append((owners[local], remote))
            elif remote in owners:
                clients[local] = inode
    except FileNotFoundError:
        return None
    known = _sockets_of(ours) if clients else frozenset[str]()
    counts: dict[str, int] = {}
    for name, remote in served:
        if clients.get(remote) not in known:
            counts[name] = counts.get(name, 0) + 1
    return counts


def _sockets_of(pids: Iterable[int]) -> frozenset[str]:
    """Numbers of the sockets that these processes hold."""
    found = set()
    for pid in pids:
        with contextlib.suppress(OSError):  # it ended meanwhile, or is another user's
            for entry in os.scandir(f"/proc/{pid}/fd"):
                with contextlib.suppress(OSError):
                    link = os.readlink(entry.path)
                    if link.startswith("socket:["):
                        found.add(link[8:-1])
    return frozenset(found)


def _established() -> Iterator[tuple[int, int, str]]:
    """Ports of both ends and the number, of each socket that is connected."""
    for path in _TABLES:
        for line in path.read_text().splitlines()[1:]:
            fields = line.split(None, 10)
            if fields[3] == _ESTABLISHED:
                yield _port(fields[1]), _port(fields[2]), fields[9]


def _port(address: str) -> int:
    return int(address.rpartition(":")[2], 16)
