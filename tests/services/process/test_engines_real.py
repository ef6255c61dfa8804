"""Engines from the real registries, run by a user who owns nothing of them."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from services.backends.process import engines

pytestmark = pytest.mark.engine


@pytest.fixture
def open_home(settings: Settings) -> Iterator[Path]:
    """Under a parent that is open to other users, which pytest's own directory is not."""
    folder = Path(tempfile.mkdtemp(prefix="polder-e"))
    folder.chmod(0o755)
    settings.POLDER_HOME = folder
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize(
    ("name", "program", "said"),
    [
        ("valkey-9", "valkey-server", "v=9.1"),
        ("postgresql-16", "bin/postgres", "(PostgreSQL) 16."),
    ],
)
def test_real_engine_runs_as_another_user(
    open_home: Path, name: str, program: str, said: str
) -> None:
    found = engines.install(name)
    other: dict[str, Any] = {"user": "nobody", "extra_groups": []} if os.geteuid() == 0 else {}
    words = subprocess.check_output([found / program, "--version"], text=True, **other)
    assert said in words
