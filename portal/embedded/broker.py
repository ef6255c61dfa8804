"""Polder's own Valkey: message broker and cache, in `<home>/broker`. Nothing in it is precious.

Source: Valkey 9 documentation, configuration.
"""

from __future__ import annotations

import time
from pathlib import Path
from urllib.parse import urlsplit

import redis

from portal.embedded.refusal import Refusal
from services.backends.process import engines, users
from services.backends.process.layout import write_file
from services.backends.process.supervisor import Program

ENGINE = engines.OWN_BROKER
NAME = "broker"
_START_SECONDS = 30


def user() -> str | None:
    """The system user it runs as; None unless root."""
    return users.user_for(NAME)


def configure(home: Path, url: str) -> Path:
    """Writes its configuration (0600: the password stands there, never in argv)."""
    parts, folder = urlsplit(url), home / "broker"
    if user() is not None:
        users.ensure_user(str(user()))
    folder.mkdir(parents=True, exist_ok=True)
    lines = [
        "bind 127.0.0.1",
        f"port {parts.port}",
        f"requirepass {parts.password}",
        f"dir {folder}",
        'save ""',
        "appendonly no",
        "maxmemory 256mb",
        "maxmemory-policy volatile-lru",  # the cache gives way; messages have no expiry and stay
        "loglevel warning",
    ]
    write_file(folder / "valkey.conf", "\n".join(lines) + "\n", user())
    users.give(folder, user())
    return folder / "valkey.conf"


def program(home: Path, engine: Path) -> Program:
    return Program(
        name=NAME,
        argv=[f"{engine}/valkey-server", str(home / "broker" / "valkey.conf")],
        directory=home / "broker",
        log=home / "logs" / "broker.log",
        user=user(),
        stop_seconds=10,
        start_seconds=0,
        priority=100,
    )


def wait_ready(url: str, seconds: float = _START_SECONDS) -> None:
    """Raises: Refusal when nobody answers."""
    until = time.monotonic() + seconds
    client = redis.Redis.from_url(url, socket_connect_timeout=2, socket_timeout=2)
    while True:
        try:
            client.ping()
        except redis.RedisError as error:
            if time.monotonic() > until or isinstance(error, redis.AuthenticationError):
                parts = urlsplit(url)
                raise Refusal(
                    f"The broker at {parts.hostname}:{parts.port} does not let Polder in. "
                    f"It says: {error}",
                    "Look at logs/broker.log in the data directory, or, if the server is your "
                    "own, at POLDER_BROKER_URL.",
                ) from error
            time.sleep(0.03)
        else:
            client.close()
            return
