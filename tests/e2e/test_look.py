"""The style guide and the sign-in pages in a real browser: accessible, clean, without script."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from portal.accounts.models import User
from tests.e2e.conftest import sign_in
from tests.e2e.look import tour, violations

SMALL = {"width": 390, "height": 844}


@pytest.fixture
def staff(transactional_db: None) -> User:
    return User.objects.create_superuser("staff@example.eu", "a-long-enough-password")


def test_a_page_that_is_not_there_is_accessible(clean: Page, live_url: str, staff: User) -> None:
    assert tour(clean, [live_url + "/no-such-page/"]) == []
    sign_in(clean, live_url, staff)
    assert tour(clean, [live_url + "/no-such-page/"]) == []


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
    expect(plot).to_be_focused()  # else a busy machine may hear the key first
    plot.press("ArrowLeft")
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
