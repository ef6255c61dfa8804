"""Runs the actions of a ProcessSpec. Secrets travel by stdin, files and sockets, never by argv."""

from __future__ import annotations

import base64
import http.client
import json
import re
import socket
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psycopg

from portal.kernel.errors import BackendError, Permanent, Temporary
from services.backends.process import engines, users
from services.spec import Action, Client, Exec, Http, Sql, Talk

_TAIL = 600  # characters of an engine's own words that are kept in an error
_MOST_BYTES = 8 << 20  # of an answer


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where actions run: as `user`, in `directory`, trusting `ca`."""

    user: str | None
    directory: Path
    ca: Path
    env: Mapping[str, str]


def run(action: Action, around: Surroundings) -> None:
    """Raises: Temporary when the engine does not answer yet; Permanent when it answers no."""
    match action:
        case Exec():
            _exec(action, around)
        case Http():
            _http(action, around)
        case Sql():
            _sql(action, around)
        case Talk():
            _talk(action, around)
        case Client():
            _client(action, around)


def answer(action: Http | Talk | Client, around: Surroundings) -> str:
    """What it says. Raises as `run` does."""
    match action:
        case Http():
            return _http(action, around, _MOST_BYTES)
        case Talk():
            return _talk(action, around)
        case Client():
            return _client(action, around)


def succeeds(action: Action, around: Surroundings) -> str | None:
    """None when `action` succeeds, else why it does not (for a readiness probe)."""
    try:
        run(action, around)
    except BackendError as error:
        return error.detail or error.code
    return None


def _exec(action: Exec, around: Surroundings) -> None:
    try:
        done = subprocess.run(
            list(action.argv),
            input=str(action.stdin),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=action.timeout_seconds,
            cwd=around.directory,
            env={**around.env, **action.env},
            check=False,
            **users.demoted(around.user),
        )
    except subprocess.TimeoutExpired as error:
        raise Temporary("program-slow", program=Path(action.argv[0]).name) from error
    except OSError as error:
        raise Permanent(
            "program-failed", program=Path(action.argv[0]).name, detail=str(error)
        ) from error
    if done.returncode not in action.exit_codes:
        raise Permanent(
            "program-failed",
            program=Path(action.argv[0]).name,
            status=done.returncode,
            detail=(done.stdout[-_TAIL:] + done.stderr[-_TAIL:]).strip(),
        )


def _client(action: Client, around: Surroundings) -> str:
    python = engines.python(action.engine)
    # Python or this checkout may lie in a closed home (/root): then our own script runs as we do.
    user = around.user if users.open_to_all(python) and users.open_to_all(action.script) else None
    try:
        done = subprocess.run(
            [str(python), "-I", str(action.script)],
            input=json.dumps(action.stdin),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=action.timeout_seconds,
            cwd=around.directory,
            env=dict(around.env),
            check=False,
            **users.demoted(user),
        )
    except subprocess.TimeoutExpired as error:
        raise Temporary("program-slow", program=action.script.name) from error
    if done.returncode == 75:  # EX_TEMPFAIL: the engine is not there yet
        raise Temporary("engine-not-ready", retry_after=0.5, detail=done.stderr[-_TAIL:].strip())
    if done.returncode != 0:
        raise Permanent(
            "program-failed",
            program=action.script.name,
            status=done.returncode,
            detail=done.stderr[-_TAIL:].strip(),
        )
    return str(done.stdout)


def _context(around: Surroundings) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(around.ca))


def _http(action: Http, around: Surroundings, most_bytes: int = 0) -> str:
    request = urllib.request.Request(  # noqa: S310  # the renderer names 127.0.0.1
        action.url,
        data=str(action.body).encode() if action.body else None,
        headers=dict(action.headers),
        method=action.method,
    )
    if action.username:
        token = base64.b64encode(f"{action.username}:{action.password}".encode()).decode()
        request.add_header("Authorization", f"Basic {token}")
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=_context(around))
    )
    try:
        with opener.open(request, timeout=action.timeout_seconds) as response:
            status, text = response.status, response.read(most_bytes)
    except urllib.error.HTTPError as error:
        status, text = error.code, error.read(_TAIL)
    except (OSError, http.client.HTTPException) as error:
        raise Temporary("engine-not-ready", retry_after=0.3, detail=str(error)) from error
    if status not in action.expect:
        words = text.decode(errors="replace")
        if status >= 500:
            raise Temporary("engine-not-ready", retry_after=0.5, detail=f"HTTP {status} {words}")
        raise Permanent("engine-refused", status=status, detail=words)
    return str(text, errors="replace")


def _sql(action: Sql, around: Surroundings) -> None:
    try:
        with psycopg.connect(
            host="127.0.0.1",
            port=action.port,
            user=action.username,
            password=str(action.password),
            dbname=action.database,
            sslmode="verify-full" if action.tls else "disable",
            sslrootcert=str(around.ca) if action.tls else None,
            connect_timeout=action.timeout_seconds,
            autocommit=True,
        ) as connection:
            for statement in action.statements:
                connection.execute(str(statement).encode())
    except psycopg.OperationalError as error:
        # Not up yet, still recovering or shutting down: all of them pass.
        raise Temporary("engine-not-ready", retry_after=0.2, detail=_words(error)) from error
    except psycopg.Error as error:
        raise Permanent("engine-refused", detail=_words(error)) from error


def _words(error: psycopg.Error) -> str:
    return str(error).strip().splitlines()[0][:_TAIL] if str(error) else type(error).__name__


def _talk(action: Talk, around: Surroundings) -> str:
    answer = b""
    try:
        with socket.create_connection(("127.0.0.1", action.port), action.timeout_seconds) as plain:
            connection = (
                _context(around).wrap_socket(plain, server_hostname="127.0.0.1")
                if action.tls
                else plain
            )
            if action.send:
                connection.sendall(str(action.send).encode())
            while action.expect and not re.search(action.expect, answer.decode(errors="replace")):
                chunk = connection.recv(4096)
                if not chunk:
                    break
                answer += chunk
            if connection is not plain:
                connection.close()
    except OSError as error:
        words = answer.decode(errors="replace")[-_TAIL:]
        raise Temporary(
            "engine-not-ready", retry_after=0.2, detail=f"{error} {words}".strip()
        ) from error
    words = answer.decode(errors="replace")
    if action.expect and not re.search(action.expect, words):
        raise Temporary("engine-not-ready", retry_after=0.3, detail=words[-_TAIL:])
    return words
