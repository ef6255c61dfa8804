"""What a guide tells tenants to run, run word for word with what the credentials card shows."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from services.backends.process import engines
from tests.services.engines.conftest import Handle, process_handle

pytestmark = pytest.mark.engine


def block(guide: str, title: str) -> str:
    """The indented lines below the line that begins with `title`."""
    found = re.search(rf"^{title}.*\n\n((?: {{4}}.*\n|\n)+)", guide, re.MULTILINE)
    assert found, f"no block {title}"
    return re.sub(r"^ {4}", "", found[1], flags=re.MULTILINE)


def run(handle: Handle, argv: list[str], folder: Path) -> str:
    """As a tenant: in a folder with the CA certificate, with the variables of the card."""
    (folder / "polder-ca.pem").write_text(Path(handle.ca).read_text())
    bins = engines.home("postgresql-17") / "bin"
    env = {
        **{name: str(value) for name, value in handle.credentials.env.items()},
        "PATH": f"{bins}:{os.environ['PATH']}",
        "HOME": str(folder),
    }
    done = subprocess.run(
        argv,
        cwd=folder,
        env=env,
        input="select version()",
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def handle(request: pytest.FixtureRequest, home: Path):
    found = process_handle(home, request.param)
    yield found.apply()
    found.destroy()


ANSWERS = {"postgresql": "PostgreSQL 17", "redis": "kept"}


@pytest.mark.parametrize(("handle", "slug"), [(s, s) for s in ANSWERS], indirect=["handle"])
def test_python(handle: Handle, slug: str, tmp_path: Path) -> None:
    code = block((handle.entry.folder / "guide.md").read_text(), "Python")
    assert ANSWERS[slug] in run(handle, [sys.executable, "-c", code], tmp_path)


@pytest.mark.parametrize("handle", ["postgresql"], indirect=True)
def test_psql(handle: Handle, tmp_path: Path) -> None:
    code = block((handle.entry.folder / "guide.md").read_text(), "Shell")
    assert "PostgreSQL 17" in run(handle, ["/bin/sh", "-c", code], tmp_path)
