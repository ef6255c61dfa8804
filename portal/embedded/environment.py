"""`<POLDER_HOME>/environment`: the values that a copy runs with, generated where nobody gave them.
Standard library only: it is written before settings can load.
"""

from __future__ import annotations

import base64
import os
import secrets
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from portal.embedded.refusal import Refusal

_PORTS = range(24000, 32000)
_DATABASE, _BROKER = "polder:{password}@127.0.0.1:{port}/polder", ":{password}@127.0.0.1:{port}/0"

_GENERATED: dict[str, Callable[[], str]] = {
    "POLDER_SIGNING_KEY": lambda: secrets.token_urlsafe(48),
    "POLDER_SECRET_KEYS": lambda: base64.urlsafe_b64encode(os.urandom(32)).decode(),
    "POLDER_DEMO_PASSWORD": lambda: secrets.token_urlsafe(12),
}


def settle(folder: Path, port: int | None) -> None:
    """The values that this copy runs with: what the process environment gives, else what the file
    remembers, else new ones. Written back, so that `make manage` in another shell uses the same.
    """
    path = folder / "environment"
    before = read(path)
    after = dict(before)
    for name, make in _GENERATED.items():
        after[name] = os.environ.get(name) or before.get(name) or make()
    for kind, scheme, form in (
        ("DATABASE", "postgres", _DATABASE),
        ("BROKER", "redis", _BROKER),
    ):
        own = after.get(f"EMBEDDED_{kind}_URL") or f"{scheme}://" + form.format(
            password=secrets.token_hex(20), port=free_port()
        )
        after[f"EMBEDDED_{kind}_URL"] = own
        after[f"POLDER_{kind}_URL"] = _own_server(f"POLDER_{kind}_URL", scheme) or own
    if port is not None:
        after["PORT"] = str(port)
    if after != before:
        write(path, after)


def move_busy_ports(folder: Path) -> None:
    """Another port for an embedded server where something took its own while Polder did not run.
    The caller holds the lock and has waited for the former run.
    """
    path = folder / "environment"
    before = read(path)
    after = dict(before)
    for kind in ("DATABASE", "BROKER"):
        url = before[f"EMBEDDED_{kind}_URL"]
        parts = urlsplit(url)
        if port_is_free(parts.port or 0):
            continue
        place = f"{parts.netloc.rpartition(':')[0]}:{free_port()}"
        after[f"EMBEDDED_{kind}_URL"] = urlunsplit(parts._replace(netloc=place))
        if before[f"POLDER_{kind}_URL"] == url:
            after[f"POLDER_{kind}_URL"] = after[f"EMBEDDED_{kind}_URL"]
    if after != before:
        write(path, after)


def _own_server(name: str, scheme: str) -> str:
    url = os.environ.get(name, "")
    allowed = {"postgres": ("postgres", "postgresql"), "redis": ("redis", "rediss")}[scheme]
    if url and (urlsplit(url).scheme not in allowed or not urlsplit(url).hostname):
        raise Refusal(
            f"{name} is not the address of a server that Polder can use.",
            f"Write it as {scheme}://USER:PASSWORD@HOST:PORT/NAME, or leave it unset to use the "
            "embedded one.",
        )
    return url


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listens on, below those that the kernel hands out."""
    for _ in range(200):
        port = secrets.choice(_PORTS)
        if port_is_free(port):
            return port
    raise Refusal("No free port was found for the database.", "Stop some servers and try again.")


def port_is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def read(path: Path) -> dict[str, str]:
    """`NAME=value` lines; empty when there is no such file."""
    try:
        lines = path.read_text().splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    pairs = (line.partition("=") for line in lines if "=" in line and not line.startswith("#"))
    return {name.strip(): value.strip() for name, _, value in pairs}


def write(path: Path, values: Mapping[str, str]) -> None:
    """Replaced at once and only readable by this user: it holds every key."""
    part = path.with_name("environment.part")
    lines = [
        "# Written by Polder at each start. Holds the keys: keep it, and keep it secret.",
        *(f"{name}={value}" for name, value in values.items()),
    ]
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write("\n".join(lines) + "\n")
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
