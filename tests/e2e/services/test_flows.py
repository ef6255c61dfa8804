"""The flows and their clicks, and the list."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from portal.audit.models import AuditEvent
from services.instances.models import Instance, Operation
from tests.e2e.acting import Clicks, arrived
from tests.e2e.services.clicking import clipboard
from tests.makers import drive, order

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("prices", "fake")]
READY = 120_000


def state(page: Page, word: str) -> None:
    expect(page.locator("#state")).to_contain_text(word, timeout=READY)


# -- the flows and their clicks (design, CONSOLE 7.4) ----------------------------------------------


def test_a_first_service_takes_four_clicks(home: Page, workers: None) -> None:
    clicks = Clicks()
    clicks(home.get_by_role("link", name="Catalogue", exact=True))
    clicks(home.get_by_role("link", name="Order PostgreSQL"))
    clicks(home.locator("#summary").get_by_role("button", name="Order PostgreSQL"))
    state(home, "Running")
    clicks(home.get_by_role("button", name="Copy URI"))
    expect(home.locator(".toast")).to_have_text("Copied")
    assert re.fullmatch(r"fake://app:[^•@]+@127\.0\.0\.1:5432/", clipboard(home))
    assert clicks.count == 4


def test_a_connection_string_takes_two_clicks_and_is_audited(home: Page, orders: Instance) -> None:
    home.reload()
    clicks = Clicks()
    clicks(home.get_by_role("link", name="orders", exact=False).first)
    clicks(home.get_by_role("button", name="Copy URI"))
    expect(home.locator(".toast")).to_have_text("Copied")
    assert clipboard(home).startswith("fake://app:")
    assert clipboard(home).split(":")[2] not in home.content()
    assert clicks.count == 2
    assert AuditEvent.objects.filter(verb="credential.reveal").count() == 1


def test_a_new_password_takes_three_clicks(home: Page, orders: Instance, workers: None) -> None:
    home.reload()
    clicks = Clicks()
    clicks(home.get_by_role("link", name="orders", exact=False).first)
    clicks(home.get_by_role("link", name="Change password"))
    expect(home.get_by_text("The old password ends at once")).to_be_visible()
    clicks(home.get_by_role("button", name="Change password"))
    expect(home.locator("#operation")).to_contain_text("Finished", timeout=READY)
    assert clicks.count == 3


def test_resizing_takes_three_clicks_and_says_the_price(
    home: Page,
    orders: Instance,
    workers: None,
) -> None:
    home.reload()
    clicks = Clicks()
    clicks(home.get_by_role("link", name="dev-1x1: resize orders"))
    arrived(home, f"/services/{orders.public_id}/settings/")
    clicks(home.get_by_role("radio", name=re.compile("single-2x8")))
    button = home.get_by_role("button", name=re.compile("^Resize — "))
    expect(button).to_contain_text("25.90 → €\u202f93.67/month")
    expect(home.locator("#summary")).to_contain_text("restarts")
    clicks(button)
    state(home, "Running")
    expect(home.locator(".sub")).to_contain_text("single-2x8")
    assert clicks.count == 3


def test_pausing_takes_three_clicks(home: Page, orders: Instance, workers: None) -> None:
    home.reload()
    clicks = Clicks()
    clicks(home.get_by_role("link", name="orders", exact=False).first)
    clicks(home.get_by_role("link", name="Pause"))
    expect(home.get_by_text("Only storage is billed")).to_be_visible()
    clicks(home.get_by_role("button", name="Pause orders"))
    state(home, "Paused")
    assert clicks.count == 3


def test_deleting_takes_three_clicks_and_undoing_two(
    home: Page,
    live_url: str,
    orders: Instance,
    workers: None,
) -> None:
    home.reload()
    clicks = Clicks()
    clicks(home.get_by_role("link", name="orders", exact=False).first)
    clicks(home.get_by_role("link", name="Delete…"))
    home.get_by_label("Type “orders” to go on").fill("orders")
    clicks(home.get_by_role("button", name="Delete orders"))
    state(home, "In the bin")
    assert clicks.count == 3
    home.goto(live_url + "/")
    undo = Clicks()
    undo(home.get_by_role("link", name="1 in the bin"))
    undo(home.get_by_role("button", name="Bring orders back"))
    state(home, "Running")
    assert undo.count == 2


# -- the list --------------------------------------------------------------------------------------


def test_filters_survive_reload_and_back(home: Page, live_url: str, many: Any) -> None:
    home.goto(live_url + "/services/")
    home.get_by_role("searchbox", name="Search services").fill("alph")
    expect(home.locator("tbody tr")).to_have_count(1)
    expect(home).to_have_url(live_url + "/services/?q=alph")
    expect(home.locator("#said")).to_have_text("1 service")
    home.reload()
    expect(home.locator("tbody tr")).to_have_count(1)
    home.get_by_role("link", name="alpha", exact=False).first.click()
    state(home, "Running")
    home.go_back()
    expect(home.get_by_role("searchbox", name="Search services")).to_have_value("alph")
    expect(home.locator("tbody tr")).to_have_count(1)


def test_sorting_keeps_the_focus_and_says_how(home: Page, live_url: str, many: Any) -> None:
    home.goto(live_url + "/services/")
    heading = home.get_by_role("link", name="Name")
    heading.focus()
    home.keyboard.press("Enter")
    expect(home.locator("th[aria-sort=ascending]")).to_contain_text("Name")
    expect(heading).to_be_focused()
    home.keyboard.press("Enter")
    expect(home.locator("th[aria-sort=descending]")).to_contain_text("Name")
    expect(home).to_have_url(live_url + "/services/?sort=-name")


def test_ticked_services_are_asked_about_once(home: Page, live_url: str, many: Any) -> None:
    home.goto(live_url + "/services/")
    bar = home.get_by_role("group", name="With the ticked services")
    expect(bar).to_be_hidden()
    home.get_by_label("Tick all").check()
    expect(bar).to_contain_text("Ticked: 3")
    home.get_by_label("Tick beta").uncheck()
    expect(bar).to_contain_text("Ticked: 2")
    bar.get_by_role("button", name="Pause").click()
    home.get_by_role("button", name="Cancel").click()
    assert not Operation.objects.filter(kind="pause").exists()
    bar.get_by_role("button", name="Pause").click()
    home.locator("#confirm-yes").click()
    expect(home.get_by_text("2 services are being paused.")).to_be_visible()
    assert Operation.objects.filter(kind="pause").count() == 2


def test_a_view_is_saved_and_opens_first(home: Page, live_url: str, many: Any) -> None:
    home.goto(live_url + "/services/")
    home.get_by_label("Tag", exact=True).select_option("env:b")
    expect(home.locator("tbody tr")).to_have_count(1)
    home.get_by_text("Save this view").click()
    home.get_by_label("Name of the view").fill("Mine")
    home.get_by_label("Open it first").check()
    home.get_by_role("button", name="Save view").click()
    expect(home.get_by_role("link", name="Mine")).to_have_attribute("aria-current", "page")
    home.get_by_role("link", name="Services", exact=True).click()
    expect(home.locator("tbody tr")).to_have_count(1)
    home.get_by_role("link", name="All", exact=True).click()
    expect(home.locator("tbody tr")).to_have_count(3)


def test_the_list_follows_what_is_under_way(
    home: Page,
    live_url: str,
    project: Any,
    region: Any,
) -> None:
    operation = order(project, region, name="slow")
    home.goto(live_url + "/services/")
    home.get_by_label("Tick slow").check()
    expect(home.locator("tbody .state")).to_contain_text("Creating")
    drive(operation)
    expect(home.locator("tbody .state")).to_contain_text("Running", timeout=READY)
    expect(home.get_by_label("Tick slow")).to_be_checked()
