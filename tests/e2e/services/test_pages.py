"""Pages of a service, by eye and by ear."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, Response, expect

from services.instances import actions
from services.instances.models import Instance
from tests.e2e.look import SIDES, tour, turn, violations
from tests.e2e.services.clicking import clipboard
from tests.makers import make_owner

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("prices", "fake")]


def is_poll(answer: Response) -> bool:
    return "hx-request" in answer.request.headers


# -- pages of a service ----------------------------------------------------------------------------


def test_a_secret_hides_after_a_minute_and_can_be_seen_again(
    home: Page, live_url: str, orders: Instance
) -> None:
    home.clock.install()
    home.goto(f"{live_url}/services/{orders.public_id}/connection/")
    home.get_by_role("button", name="Reveal").click()
    uri = home.locator("#connection pre code").first
    expect(uri).not_to_contain_text("•")
    home.clock.run_for(59_000)
    expect(uri).not_to_contain_text("•")
    home.clock.run_for(3_000)
    expect(home.get_by_role("button", name="Reveal")).to_be_visible()
    expect(uri).to_contain_text("•")


def test_a_poll_loses_neither_focus_nor_an_open_fold(
    home: Page, live_url: str, project: Any, orders: Instance
) -> None:
    actions.rotate(actor=make_owner(project), instance=orders)
    home.goto(f"{live_url}/services/{orders.public_id}/")
    home.get_by_text("As environment variables").click()
    tab = home.get_by_label("Service", exact=True).get_by_role("link", name="Settings")
    tab.focus()
    for _ in range(2):
        home.wait_for_event("response", is_poll)
    home.wait_for_timeout(200)
    expect(tab).to_be_focused()
    expect(home.locator("#connection details")).to_have_attribute("open", "")


def test_another_client_without_losing_the_place(
    home: Page, live_url: str, orders: Instance
) -> None:
    home.goto(f"{live_url}/services/{orders.public_id}/connection/")
    tab = home.get_by_role("link", name="Node.js")
    tab.focus()
    home.keyboard.press("Enter")
    expect(home.locator("#clients pre")).to_contain_text('require("pg")')
    expect(tab).to_be_focused()
    home.get_by_role("button", name="Copy Node.js").click()
    assert "port: 5432" in clipboard(home)


def test_the_order_is_checked_while_it_is_typed(
    home: Page, live_url: str, orders: Instance
) -> None:
    home.goto(live_url + "/catalogue/postgresql/order/")
    name = home.get_by_label("Service name")
    name.fill("orders")
    home.keyboard.press("Tab")
    expect(home.locator("#summary")).to_contain_text("Try “orders-2”")
    home.get_by_text("As code").click()
    home.get_by_role("radio", name=re.compile("single-4x16")).check()
    expect(home.locator("#summary .total")).to_contain_text("226.69")
    expect(home.locator("#code")).to_contain_text('"plan": "single-4x16"')
    expect(home.locator("#code")).to_be_visible()
    name.fill("")
    home.locator("#summary").get_by_role("button", name="Order PostgreSQL").click()
    expect(home.locator("#name-e")).to_contain_text("Give the service a name.")
    expect(home.get_by_role("alert")).to_be_focused()
    expect(home.get_by_role("radio", name=re.compile("single-4x16"))).to_be_checked()


# -- by eye and by ear -----------------------------------------------------------------------------


def test_lists_that_found_nothing_are_accessible(home: Page, live_url: str, many: Any) -> None:
    paths = ("services/?tag=env:b", "services/?q=none", "go/?q=none", "catalogue/?q=none")
    assert tour(home, [f"{live_url}/{path}" for path in paths]) == []


@pytest.mark.parametrize(("width", "scheme"), SIDES)
def test_what_opens_is_accessible(
    home: Page, live_url: str, many: Any, width: int, scheme: Any
) -> None:
    turn(home, width, scheme)
    home.goto(live_url + "/services/?tag=env:b")
    home.get_by_label("Tick beta").check()
    home.get_by_text("Save this view").click()
    found = violations(home)
    home.goto(live_url + "/services/")
    home.keyboard.press("Control+k")
    expect(home.locator("#palette").get_by_role("option").first).to_be_visible()
    found += violations(home)
    home.keyboard.press("Escape")
    home.keyboard.press("?")
    expect(home.get_by_role("dialog", name="Keyboard")).to_be_visible()
    found += violations(home)
    home.keyboard.press("Escape")
    home.get_by_label("Tick all").check()
    home.get_by_role("button", name="Resume").click()
    expect(home.get_by_role("heading", name="What was done")).to_be_visible()
    found += violations(home)
    assert found == []
