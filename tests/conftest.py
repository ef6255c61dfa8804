"""What all tests share: the fake backend, prices, and a broker that takes nothing."""

from __future__ import annotations

import os
import uuid
from collections.abc import Generator
from typing import Any

import pytest
from django.core.cache import caches

from services import backends
from services.backends.fake import FakeBackend


@pytest.fixture(scope="session", autouse=True)
def compiled_messages() -> None:
    """What translators changed holds at once."""
    from portal.embedded import languages

    languages.compile_messages(languages.stale())


def _refuse_skip(report: Any) -> Any:
    """With `POLDER_REQUIRE_ENGINES`, as in CI, what would skip for want of a program fails."""
    wanted = os.environ.get("POLDER_REQUIRE_ENGINES", "0") != "0"
    if wanted and report.outcome == "skipped" and not hasattr(report, "wasxfail"):
        reason = report.longrepr[-1] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"{reason}\nNothing may skip while POLDER_REQUIRE_ENGINES is set."
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, Any, Any]:
    return _refuse_skip((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, Any, Any]:
    return _refuse_skip((yield))


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeBackend:
    """The backend of regions made by `make_region`; a fresh one for each test."""
    backend = FakeBackend()
    monkeypatch.setitem(backends.BACKENDS, "fake", lambda region: backend)
    return backend


@pytest.fixture(autouse=True)
def sent(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """No test talks to a broker by accident; what would have been sent is collected."""
    from services.instances import work

    collected: list[int] = []
    monkeypatch.setattr(work, "_prepare_next", lambda operation: None)
    monkeypatch.setattr(
        work, "enqueue", lambda operation_id, code, delay=0: collected.append(operation_id)
    )
    return collected


@pytest.fixture(autouse=True)
def hints(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The same for the outbox: names of the tasks that workers would have been told of."""
    from portal.outbox import actions

    collected: list[str] = []
    monkeypatch.setattr(actions, "_send", lambda task, args: collected.append(task))
    return collected


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test meets what another one left in the cache, its counted attempts above all."""
    monkeypatch.setattr(caches["default"], "key_prefix", f"test-{uuid.uuid4().hex}")


@pytest.fixture
def plain_static(settings: Any) -> None:
    """Unhashed names: pages render without collectstatic."""
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }


@pytest.fixture
def prices(db: None) -> None:
    """The price files, loaded."""
    from billing import queries
    from billing.loading import load_prices

    queries.forget_prices()
    load_prices()
    queries.forget_prices()


@pytest.fixture(autouse=True)
def nothing_live() -> None:
    """What an earlier test announced is not remembered."""
    from portal.status import strip
    from portal.status.board import board

    strip.forget()
    board.forget()
