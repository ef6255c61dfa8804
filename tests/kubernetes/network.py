"""A network of the rig's own: one network namespace whose loopback owns all addresses of pods,
Services and nodes.

A program that listens on 0.0.0.0 in there answers at every pod's and every Service's address, so
that neither kube-proxy nor a network plug-in is needed; no port clashes with another rig's; and no
packet that an operator sends can leave the machine. Needs `unshare` and `nsenter` (util-linux) and
`ip` (iproute2); works as root and, where user namespaces are allowed, as anybody else.
"""

from __future__ import annotations

import functools
import shutil
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_PROGRAMS = ("unshare", "nsenter", "ip")
# As root, and as anybody who may be root in a user namespace of their own.
_WAYS = (("--net", "--mount"), ("--user", "--map-root-user", "--net", "--mount"))


@functools.cache
def refusal() -> str:
    """Why there can be no network of our own here; empty where there can."""
    lacking = [name for name in _PROGRAMS if shutil.which(name) is None]
    if lacking:
        return f"not installed: {', '.join(lacking)}"
    return "" if _way() else "this machine does not allow network namespaces"


@functools.cache
def _way() -> tuple[str, ...]:
    def works(way: tuple[str, ...]) -> bool:
        argv = ["unshare", *way, "ip", "link", "set", "lo", "up"]
        return subprocess.run(argv, capture_output=True, check=False).returncode == 0

    return next((way for way in _WAYS if works(way)), ())


class Network:
    """Stands from `Network()` to `stop`. `port` of 127.0.0.1 is the same port on both sides."""

    def __init__(self) -> None:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen(128)
            self.port: int = listener.getsockname()[1]
            inside = [sys.executable, "-m", "tests.kubernetes.inside", str(listener.fileno())]
            self._holder = subprocess.Popen(
                ["unshare", *_way(), *inside, str(self.port)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                pass_fds=[listener.fileno()],
                cwd=ROOT,
            )
        assert self._holder.stdout is not None
        if self._holder.stdout.readline() != b"ready\n":
            raise RuntimeError("The network of the rig did not come up.")

    def start(
        self, argv: list[str], log: Path, cwd: Path, environment: Mapping[str, str]
    ) -> subprocess.Popen[bytes]:
        """A program inside. It ends with the network at the latest."""
        named = ["env", "-C", str(cwd), *(f"{key}={value}" for key, value in environment.items())]
        with log.open("ab") as out:
            return subprocess.Popen([*self._enter(), *named, *argv], stdout=out, stderr=out)

    def answers(self, port: int) -> bool:
        """Whether something listens on this port inside."""
        script = "import socket, sys; socket.create_connection(('127.0.0.1', int(sys.argv[1])))"
        argv = [*self._enter(), sys.executable, "-S", "-c", script, str(port)]
        return subprocess.run(argv, capture_output=True, check=False).returncode == 0

    def stop(self) -> None:
        """Ends whatever still runs inside. So does the end of this process, however it comes."""
        assert self._holder.stdin is not None
        self._holder.stdin.close()
        self._holder.wait(10)

    def _enter(self) -> list[str]:
        user = ["--user", "--preserve-credentials"] if "--user" in _way() else []
        return ["nsenter", "--target", str(self._holder.pid), *user, "--net", "--mount"]
