"""What holds the rig's network open (see network.py): makes its routes, says "ready", hands what
comes in from outside to the API server inside, and ends everything inside once its input closes.

    unshare --net --mount python -m tests.kubernetes.inside FILENO PORT

FILENO is a socket that listens outside: a socket stays in the network where it was made, whoever
holds it. So one process, standing inside, reaches both sides.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

RANGES = ("10.244.0.0/16", "10.96.0.0/16", "10.0.0.0/24")  # of pods, of Services, of nodes
_RESOLVER = Path("/etc/resolv.conf")
_CHUNK = 1 << 18


def prepare() -> None:
    """Loopback with all ranges, and a name server of ours (names.py) there."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for addresses in RANGES:
        subprocess.run(["ip", "route", "add", "local", addresses, "dev", "lo"], check=True)
    if _RESOLVER.exists():  # without one, programs ask 127.0.0.1 anyway
        with tempfile.NamedTemporaryFile("w", suffix=".conf") as ours:
            ours.write("nameserver 127.0.0.1\n")
            ours.flush()
            Path(ours.name).chmod(0o644)
            subprocess.run(["mount", "--bind", ours.name, str(_RESOLVER.resolve())], check=True)


async def relay(listener: socket.socket, port: int) -> None:
    """Until the input closes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer), contextlib.suppress(OSError):
            there, to = await asyncio.open_connection("127.0.0.1", port, limit=_CHUNK)
            with contextlib.closing(to):
                ways = [asyncio.create_task(_pump(reader, to))]
                ways.append(asyncio.create_task(_pump(there, writer)))
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                for way in ways:
                    way.cancel()

    async with await asyncio.start_server(serve, sock=listener, limit=_CHUNK):
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()


def end_all() -> None:
    """Every process in this network but this one. Nothing else can be in it."""
    ours = os.readlink("/proc/self/ns/net")
    for entry in Path("/proc").glob("[0-9]*/ns/net"):
        pid = int(entry.parts[2])
        with contextlib.suppress(OSError):  # ended meanwhile, or of somebody else
            if pid != os.getpid() and entry.readlink().as_posix() == ours:
                os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal: meant for the tests
    prepare()
    try:
        asyncio.run(relay(socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2])))
    finally:
        end_all()
