"""An empty data directory, and package sources that are this machine's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from services import registry
from services.spec import Engine
from tests.services.process.sources import Registry


@pytest.fixture
def home(tmp_path: Path, settings: Settings) -> Path:
    settings.POLDER_HOME = tmp_path / "home"
    return tmp_path / "home"


@pytest.fixture
def packages(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Iterator[Registry]:
    """What pip and jgo fetch from, and nothing else."""
    source = Registry()
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_INDEX_URL", f"{source.url}/simple/")
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    monkeypatch.setenv("PIP_RETRIES", "0")
    for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "PIP_NO_INDEX"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("POLDER_MAVEN_REPOSITORY", source.url)  # for child processes
    settings.POLDER_MAVEN_REPOSITORY = source.url
    yield source
    source.close()


@pytest.fixture
def offer(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """`offer(*engines)`: these are all the recipes there are."""

    def set_recipes(*recipes: Engine) -> None:
        monkeypatch.setattr(registry, "engines", lambda: {e.name: e for e in recipes})

    return set_recipes
