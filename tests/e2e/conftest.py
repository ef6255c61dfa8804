"""A real Chromium against a live server. Skips loudly where there is none; CI installs it."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client
from playwright.sync_api import Page, expect

from tests.e2e.look import EXPECTED
from tests.makers import signed_in

# Playwright's own event loop runs in this thread; Django would refuse every query made beside it.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")

# What is there is seen at once, however long a busy machine takes.
expect.set_options(timeout=60_000)

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or ""
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
_WATCH = """document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}`))"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here needs a browser."""
    missing = pytest.mark.skip(
        reason="NO BROWSER: apt-get install --no-install-recommends chromium, or set CHROMIUM"
    )
    for item in items:
        if "tests/e2e/" in item.path.as_posix():
            item.add_marker(pytest.mark.browser)
            if not CHROMIUM:
                item.add_marker(missing)


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    return {**browser_type_launch_args, "executable_path": CHROMIUM, "args": ARGUMENTS}


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    size = {"width": 1280, "height": 900}
    return {**browser_context_args, "viewport": size, "reduced_motion": "reduce"}


@pytest.fixture
def live_url(settings: Any, live_server: Any) -> str:
    """Address of the server. Static files come unhashed from the tree: no collectstatic; what it
    keeps in the cache is its own.
    """
    kept = settings.CACHES["default"]
    settings.CACHES = {"default": {**kept, "KEY_PREFIX": f"test-{uuid.uuid4().hex}"}}
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    return str(live_server.url)


@pytest.fixture
def clean(page: Page) -> Iterator[Page]:
    """A page whose console must stay empty: no error, no exception, no policy violation.

    The browser notes each 4xx that a test provokes, and htmx some: `look.EXPECTED` are let be.
    """
    bad: list[str] = []

    def note(message: Any) -> None:
        if message.type == "error" and not any(part in message.text for part in EXPECTED):
            bad.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: bad.append(str(error)))
    page.add_init_script(_WATCH)
    yield page
    assert not bad


def sign_in(page: Page, url: str, user: Any) -> None:
    """Gives the browser a session of `user`, just signed in, without the sign-in form."""
    client = signed_in(Client(), user)
    name = django_settings.SESSION_COOKIE_NAME
    page.context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": url}])
