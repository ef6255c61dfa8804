"""By the keyboard, and without script."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from playwright.sync_api import Browser, Page, expect

from portal.console.models import SavedView
from services.instances.models import Instance, Operation
from tests.e2e.acting import arrived
from tests.e2e.conftest import sign_in
from tests.e2e.look import violations
from tests.makers import PASSWORD, drive

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("prices", "fake")]
SMALL = {"width": 390, "height": 844}


@pytest.fixture
def bare(browser: Browser, live_url: str, user: Any, region: Any) -> Iterator[Page]:
    """A small screen without script."""
    context = browser.new_context(java_script_enabled=False, viewport=SMALL)  # type: ignore[arg-type]
    page = context.new_page()
    sign_in(page, live_url, user)
    yield page
    context.close()


# -- keyboard --------------------------------------------------------------------------------------


def test_the_palette_finds_goes_and_does(home: Page, live_url: str, orders: Instance) -> None:
    home.keyboard.press("Control+k")
    box = home.get_by_role("combobox")
    expect(box).to_be_focused()
    expect(home.get_by_role("option").first).to_contain_text("orders")
    box.fill("pause ord")
    expect(home.get_by_role("option", selected=True)).to_contain_text("Pause orders")
    home.keyboard.press("Enter")
    expect(home.get_by_role("heading", name="Pause orders?")).to_be_visible()
    arrived(home, "/pause/")
    home.keyboard.press("Control+k")
    box.fill("order")
    expect(home.get_by_role("option", selected=True)).to_contain_text("orders")
    home.keyboard.press("ArrowDown")
    expect(home.get_by_role("option", selected=True)).to_contain_text("Order ")
    home.keyboard.press("ArrowUp")
    home.keyboard.press("ArrowUp")
    expect(home.get_by_role("option").last).to_have_attribute("aria-selected", "true")
    box.fill("zzzz")
    expect(home.get_by_role("listbox")).to_contain_text("Nothing found")
    expect(home.locator("#said")).to_have_text("Nothing found")
    home.keyboard.press("Escape")
    expect(home.locator("#palette")).to_be_hidden()
    home.keyboard.press("Control+k")
    box.fill("dark theme")
    home.keyboard.press("Enter")
    expect(home.locator("html")).to_have_attribute("data-theme", "dark")


def test_keys_go_to_places_and_can_be_switched_off(
    home: Page, live_url: str, orders: Instance
) -> None:
    home.keyboard.press("g")
    home.keyboard.press("s")
    arrived(home, "/services/")
    home.keyboard.press("/")
    search = home.get_by_role("searchbox", name="Search services")
    expect(search).to_be_focused()
    home.keyboard.type("g?/")
    expect(search).to_have_value("g?/")
    search.evaluate("(element) => element.blur()")
    home.keyboard.press("?")
    dialog = home.get_by_role("dialog", name="Keyboard")
    expect(dialog).to_contain_text("Search on this page")
    home.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    home.keyboard.press("?")
    dialog.get_by_role("button", name="Switch them off").click()
    arrived(home, "/keyboard/")
    expect(home.get_by_text("Shortcuts of a single key are off")).to_be_visible()
    home.keyboard.press("g")
    home.keyboard.press("c")
    home.keyboard.press("?")
    expect(home).to_have_url(live_url + "/keyboard/")
    expect(home.get_by_role("dialog")).to_have_count(0)
    home.keyboard.press("Control+k")
    expect(home.get_by_role("combobox")).to_be_focused()


def test_the_list_works_by_keyboard_alone(home: Page, live_url: str, many: Any) -> None:
    home.goto(live_url + "/services/")
    home.get_by_label("Tick gamma").focus()
    home.keyboard.press("Space")
    for _ in range(20):
        home.keyboard.press("Tab")
        if home.evaluate("document.activeElement.value === 'resume'"):
            break
    home.keyboard.press("Enter")
    expect(home.get_by_role("heading", name="What was done")).to_be_visible()
    expect(home.get_by_role("main")).to_contain_text("possible only when it is paused")


# -- without script --------------------------------------------------------------------------------


def test_the_list_without_script(bare: Page, live_url: str, many: Any) -> None:
    bare.goto(live_url + "/services/")
    bare.get_by_label("Tag", exact=True).select_option("env:a")
    bare.get_by_role("button", name="Show").click()
    expect(bare.locator("tbody tr")).to_have_count(1)
    bare.get_by_text("Save this view").click()
    bare.get_by_label("Name of the view").fill("Plain")
    bare.get_by_role("button", name="Save view").click()
    assert SavedView.objects.get().query == "tag=env%3Aa"
    bare.get_by_label("Tick alpha").check()
    bare.get_by_label("Tag, as name:value").fill("team:shop")
    bare.get_by_role("button", name="Add tag").click()
    expect(bare.get_by_role("main")).to_contain_text("1 service has the tag now.")
    assert Instance.objects.get(name="alpha").tags == {"env": "a", "team": "shop"}


def test_a_service_without_script(bare: Page, live_url: str, orders: Instance) -> None:
    bare.goto(f"{live_url}/services/{orders.public_id}/connection/?client=Python")
    expect(bare.locator("#clients pre")).to_contain_text("import psycopg")
    expect(bare.get_by_role("button", name="Copy URI")).to_be_hidden()
    bare.get_by_role("link", name="Pause").click()
    bare.get_by_text("As code").click()
    expect(bare.locator("#code")).to_contain_text(f"instances/{orders.public_id}/pause")
    bare.get_by_role("button", name="Pause orders").click()
    drive(Operation.objects.get(kind="pause"))
    bare.goto(f"{live_url}/go/?q=resume")
    bare.get_by_role("button", name="Resume orders").click()
    assert Operation.objects.filter(kind="resume").exists()
    bare.goto(live_url + "/keyboard/")
    bare.get_by_role("button", name="Switch them off").click()
    expect(bare.get_by_text("Shortcuts of a single key are off")).to_be_visible()


def test_an_order_without_script(bare: Page, live_url: str) -> None:
    bare.goto(live_url + "/catalogue/postgresql/")
    bare.get_by_role("link", name="Order single-2x8").click()
    expect(bare.get_by_role("radio", name=re.compile("single-2x8"))).to_be_checked()
    bare.get_by_role("radio", name=re.compile("single-4x16")).check()
    bare.get_by_role("button", name="Try different values").click()
    expect(bare.locator("#summary .total")).to_contain_text("226.69")
    bare.get_by_text("More settings").click()
    bare.get_by_label("Name of tag 1").fill("team")
    bare.get_by_label("Value of tag 1").fill("shop")
    bare.locator("#summary").get_by_role("button", name="Order PostgreSQL").click()
    expect(bare.locator("h1")).to_contain_text("postgresql-")
    assert Instance.objects.get().tags == {"team": "shop"}


def test_a_session_that_ended_is_renewed_in_a_dialog_and_nothing_typed_is_lost(
    home: Page, live_url: str, user: Any, orders: Instance
) -> None:
    home.goto(f"{live_url}/services/{orders.public_id}/settings/")
    name = home.get_by_label("Name", exact=True)
    name.fill("kept")
    Session.objects.all().delete()
    home.get_by_role("radio", name=re.compile("single-4x16")).check()
    dialog = home.get_by_role("dialog", name="Your session is over")
    expect(dialog).to_be_visible()
    assert violations(home) == []
    dialog.locator("input[name=login]").fill(user.email)
    dialog.locator("input[name=password]").fill("wrong")
    dialog.get_by_role("button", name="Sign in", exact=True).click()
    expect(dialog.get_by_text("not correct")).to_be_visible()
    dialog.locator("input[name=login]").fill(user.email)
    dialog.locator("input[name=password]").fill(PASSWORD)
    dialog.get_by_role("button", name="Sign in", exact=True).click()
    expect(dialog).to_be_hidden()
    expect(name).to_have_value("kept")
    home.get_by_role("button", name="Save name, tags, window and protection").click()
    expect(home.locator("h1")).to_contain_text("kept")
    assert Instance.objects.get().name == "kept"
