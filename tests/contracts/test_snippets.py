"""What the console gives to copy, run word for word against real servers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from services import registry, snippets
from services.backends.process import engines
from tests.services.engines.conftest import Handle, process_handle

pytestmark = pytest.mark.engine

# What the Python snippet says when it worked.
ANSWERS = {
    "postgresql": "PostgreSQL 17",
    "redis": "kept",
    "mariadb": "11.4",
    "influxdb": "11.5",
    "kafka": "brokers",
    "nats": "orders",
    "rabbitmq": "hello",
    "object-storage": "kept",
    "memcached": "kept",
}


@pytest.fixture
def handle(request: pytest.FixtureRequest, home: Path):
    found = process_handle(home, request.param)
    yield found.apply()
    found.destroy()


def run(handle: Handle, title: str, argv: list[str], folder: Path) -> str:
    """As a tenant: the snippet as shown, beside the CA certificate, with the card's variables."""
    snippet = next(s for s in handle.entry.snippets if s.title == title)
    words = snippets.words_of(handle.credentials, handle.observe().endpoints)
    (folder / snippets.CA_FILE).write_text(Path(handle.ca).read_text())
    bins = engines.home("postgresql-17") / "bin"
    env = {
        **{name: str(value) for name, value in handle.credentials.env.items()},
        "PATH": f"{bins}:{os.environ['PATH']}",
        "HOME": str(folder),
    }
    done = subprocess.run(
        [*argv, snippets.fill(snippet, words)],
        cwd=folder,
        env=env,
        input="select version()",
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_offering_is_here() -> None:
    running = {slug for slug, entry in registry.entries().items() if entry.process}
    assert set(ANSWERS) == running


@pytest.mark.parametrize(("handle", "slug"), [(s, s) for s in ANSWERS], indirect=["handle"])
def test_python(handle: Handle, slug: str, tmp_path: Path) -> None:
    assert ANSWERS[slug] in run(handle, "Python", [sys.executable, "-c"], tmp_path)


@pytest.mark.parametrize("handle", ["nats"], indirect=True)
def test_mqtt(handle: Handle, tmp_path: Path) -> None:
    assert "kept" in run(handle, "MQTT", [sys.executable, "-c"], tmp_path)


@pytest.mark.parametrize("handle", ["postgresql"], indirect=True)
def test_psql(handle: Handle, tmp_path: Path) -> None:
    assert "PostgreSQL 17" in run(handle, "psql", ["/bin/sh", "-c"], tmp_path)


@pytest.mark.parametrize("handle", ["memcached"], indirect=True)
def test_memcached_by_openssl_and_node(handle: Handle, tmp_path: Path) -> None:
    assert "VERSION" in run(handle, "openssl", ["/bin/bash", "-c"], tmp_path)
    assert "kept" in run(handle, "Node.js", ["node", "-e"], tmp_path)


@pytest.mark.parametrize("handle", ["influxdb"], indirect=True)
def test_influxdb_by_node(handle: Handle, tmp_path: Path) -> None:
    assert "204" in run(handle, "Node.js", ["node", "-e"], tmp_path)
