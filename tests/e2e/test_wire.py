"""Bytes and requests of a first load, from the real web server with its compressed files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.soak.installation import Installation

BUDGET_BYTES, BUDGET_REQUESTS = 70_000, 10
PASSWORD = "a password for the wire"
VISITORS = [
    *(
        "/catalogue/",
        "/catalogue/postgresql/",
        "/prices/",
        "/prices/rates/",
        "/prices/calculator/",
        "/status/",
    ),
    *("/licences/", "/trademarks/", "/api/docs/", "/api/docs/instances/"),
]
PAGES = [
    "/",
    "/catalogue/",
    "/catalogue/postgresql/order/",
    "/services/",
    "/operations/",
    "/notifications/",
    "/settings/notifications/",
    "/settings/webhooks/",
    "/audit/",
]


@pytest.fixture(scope="module")
def place() -> Iterator[Installation]:
    place = Installation(environment={"POLDER_DEMO_PASSWORD": PASSWORD}).start()
    yield place
    place.discard()


@pytest.fixture(scope="module")
def session(place: Installation, browser: Any) -> Any:
    """Cookies of a signed-in owner."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{place.port}/")
    page.fill("input[name=login]", "owner@demo.example")
    page.fill("input[name=password]", PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(f"http://127.0.0.1:{place.port}/")
    state = context.storage_state()
    context.close()
    return state


@pytest.mark.parametrize("path", PAGES)
def test_a_first_load_is_small(place: Installation, session: Any, browser: Any, path: str) -> None:
    weigh(browser.new_context(storage_state=session), place, path)


@pytest.mark.parametrize("path", VISITORS)
def test_a_visitor_s_first_load_is_small(place: Installation, browser: Any, path: str) -> None:
    weigh(browser.new_context(), place, path)


def weigh(context: Any, place: Installation, path: str) -> None:
    page = context.new_page()
    wire = context.new_cdp_session(page)
    wire.send("Network.enable")
    sizes: list[float] = []
    wire.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    page.goto(f"http://127.0.0.1:{place.port}{path}", wait_until="networkidle")
    styled = page.evaluate("getComputedStyle(document.body).fontFamily")
    context.close()
    assert "Inter" in styled, "the style sheet did not come"
    print(f"{path}: {sum(sizes):.0f} bytes, {len(sizes)} requests")
    assert sum(sizes) <= BUDGET_BYTES
    assert len(sizes) <= BUDGET_REQUESTS
