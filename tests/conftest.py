"""What all tests share: the fake backend, prices, and a broker that takes nothing."""

from __future__ import annotations

import gc
import os
import uuid
from collections.abc import Generator
from typing import Any

import pytest
from django.conf import settings
from django.core.cache import caches
from django.db import connection
from django.utils import translation

from services import backends
from services.backends.fake import FakeBackend
from tests import tables
from tests.skips import EXCUSES


@pytest.fixture(scope="session", autouse=True)
def compiled_messages() -> None:
    """What translators changed holds at once."""
    from portal.embedded import languages

    languages.compile_messages(languages.stale())


@pytest.fixture(autouse=True)
def no_language_left() -> None:
    """A request leaves the language of its reader active in the thread."""
    translation.deactivate()


def pytest_configure() -> None:
    """A good hash of a password is slow; tests sign in by the hundred."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    if template := os.environ.get(tables.TEMPLATE):
        settings.DATABASES["default"].setdefault("TEST", {})["TEMPLATE"] = template


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> None:
    """The test database as pytest-django makes it; what migrations made is kept for the next."""
    from services.backends.process import engines

    if tables.KEEP in os.environ:
        tables.keep(connection.settings_dict, engines.home(engines.OWN_DATABASE))


def pytest_collection_finish() -> None:
    """What is loaded stays: to look for garbage in it again and again is a tenth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


def _refuse_skip(report: Any) -> Any:
    """With `POLDER_REQUIRE_ENGINES`, as in CI, what would skip for want of a program fails, unless
    no package could bring it (`tests.skips`).
    """
    wanted = os.environ.get("POLDER_REQUIRE_ENGINES", "0") != "0"
    if wanted and report.outcome == "skipped" and not hasattr(report, "wasxfail"):
        reason = report.longrepr[-1] if isinstance(report.longrepr, tuple) else report.longrepr
        if any(excuse in str(reason) for excuse in EXCUSES):
            return report
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


_price_rows: dict[str, bytearray] = {}


@pytest.fixture
def prices(db: None) -> None:
    """The price files, loaded: by the loader the first time, by copying its rows after that."""
    from billing.models import Price, SpotFactor
    from billing.pricebook import queries
    from billing.pricebook.loading import load_prices
    from billing.spot import history

    tables = (Price._meta.db_table, SpotFactor._meta.db_table)
    if not _price_rows:
        load_prices()
        for table in tables:
            kept = _price_rows.setdefault(table, bytearray())
            with connection.cursor() as cursor, cursor.copy(f"COPY {table} TO STDOUT") as rows:
                for row in rows:
                    kept.extend(row)
    elif not Price.objects.exists():
        for table in tables:
            with connection.cursor() as cursor, cursor.copy(f"COPY {table} FROM STDIN") as rows:
                rows.write(_price_rows[table])
    queries.forget_prices()
    history.forget_factors()


@pytest.fixture(autouse=True)
def nothing_live() -> None:
    """What an earlier test announced is not remembered."""
    from portal.status import strip
    from portal.status.board import board

    strip.forget()
    board.forget()
