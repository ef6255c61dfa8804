"""The style guide and the sign-in pages in a real browser: accessible, clean, without script."""

from __future__ import annotations

import re
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from portal.accounts.models import User
from tests.e2e.conftest import sign_in

AXE = Axe()
RULES = {
    "runOnly": {
        "type": "tag",
        "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    }
}
PAGES = ["/styleguide/", "/accounts/login/", "/accounts/signup/", "/no-such-page/"]
SMALL = {"width": 390, "height": 844}


@pytest.fixture
def staff(transactional_db: None) -> User:
    return User.objects.create_superuser("staff@example.eu", "a-long-enough-password")


def violations(page: Page) -> list[Any]:
    """What axe finds once colours and places have come to rest."""
    page.evaluate("Promise.allSettled(document.getAnimations().map((one) => one.finished))")
    found = AXE.run(page, options=RULES).response["violations"]
    return [
        (rule["id"], [(node["html"][:160], node["failureSummary"][:200]) for node in rule["nodes"]])
        for rule in found
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", PAGES)
def test_accessible(clean: Page, live_url: str, staff: User, path: str, scheme: Any) -> None:
    clean.emulate_media(color_scheme=scheme)
    if not path.startswith("/accounts/"):
        sign_in(clean, live_url, staff)
    clean.goto(live_url + path)
    assert violations(clean) == []


@pytest.mark.parametrize("path", PAGES)
def test_accessible_on_a_small_screen(clean: Page, live_url: str, staff: User, path: str) -> None:
    clean.set_viewport_size(SMALL)
    if not path.startswith("/accounts/"):
        sign_in(clean, live_url, staff)
    clean.goto(live_url + path)
    assert violations(clean) == []
    assert clean.evaluate("document.documentElement.scrollWidth") <= SMALL["width"]


def test_axe_finds_what_is_bad(page: Page) -> None:
    page.set_content("<html><body><img src='x'><input><p style='color:#ccc'>pale</p></body></html>")
    assert len(violations(page)) >= 4


def test_theme_is_switched_without_a_reload_and_kept(
    clean: Page, live_url: str, staff: User
) -> None:
    sign_in(clean, live_url, staff)
    clean.goto(live_url + "/styleguide/")
    with clean.expect_response("**/theme/"):
        clean.get_by_role("button", name="Dark theme").click()
    expect(clean.locator("html")).to_have_attribute("data-theme", "dark")
    clean.reload()
    expect(clean.locator("html")).to_have_attribute("data-theme", "dark")


def test_a_chart_is_read_by_arrow_keys_and_pointer(clean: Page, live_url: str, staff: User) -> None:
    sign_in(clean, live_url, staff)
    clean.goto(live_url + "/styleguide/")
    plot = clean.locator("#cpu .plot")
    plot.focus()
    clean.keyboard.press("ArrowLeft")
    expect(clean.locator("#cpu .tip")).to_contain_text("23:40")
    expect(clean.locator("#cpu [aria-live]")).to_contain_text("Primary")
    clean.keyboard.press("Escape")
    expect(clean.locator("#cpu .tip")).to_be_hidden()
    plot.hover()
    expect(clean.locator("#cpu .tip")).to_contain_text("Replica")


def test_a_deletion_wants_the_name_typed(clean: Page, live_url: str, staff: User) -> None:
    sign_in(clean, live_url, staff)
    clean.goto(live_url + "/styleguide/")
    clean.locator("#ask").click()
    expect(clean.locator("#confirm-text")).to_contain_text("Backups stay for 7 days")
    yes = clean.locator("#confirm-yes")
    expect(yes).to_be_disabled()
    clean.get_by_role("button", name="Cancel").click()
    expect(clean).not_to_have_url(re.compile("#deleted"))
    clean.locator("#ask").click()
    clean.get_by_label("To confirm, type").fill("orders-db")
    yes.click()
    expect(clean).to_have_url(re.compile("#deleted"))


def test_a_secret_hides_after_a_minute(clean: Page, live_url: str, staff: User) -> None:
    sign_in(clean, live_url, staff)
    clean.clock.install()
    clean.goto(live_url + "/styleguide/")
    expect(clean.get_by_text("shown-for-60-seconds")).to_be_visible()
    clean.clock.fast_forward(59_000)
    expect(clean.get_by_text("shown-for-60-seconds")).to_be_visible()
    clean.clock.fast_forward(2_000)
    expect(clean.get_by_text("shown-for-60-seconds")).to_have_count(0)
    assert "shown-for-60-seconds" not in clean.content()


def test_copy(clean: Page, live_url: str, staff: User) -> None:
    clean.context.grant_permissions(["clipboard-read", "clipboard-write"])
    sign_in(clean, live_url, staff)
    clean.goto(live_url + "/styleguide/")
    clean.get_by_role("button", name="Copy Port").click()
    expect(clean.locator(".toast")).to_have_text("Copied")
    assert clean.evaluate("navigator.clipboard.readText()") == "5432"


def test_without_script(browser: Browser, live_url: str, staff: User) -> None:
    context = browser.new_context(java_script_enabled=False, viewport=SMALL)  # type: ignore[arg-type]
    page = context.new_page()
    sign_in(page, live_url, staff)
    page.goto(live_url + "/styleguide/")
    page.get_by_role("button", name="Menu").click()
    expect(page.get_by_role("link", name="Back office")).to_be_visible()
    page.get_by_role("button", name="Dark theme").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(page).to_have_url(live_url + "/styleguide/")
    page.locator("#cpu summary").click()
    expect(page.locator("#cpu details[open] table")).to_be_visible()
    context.close()
