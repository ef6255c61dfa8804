"""Everyday work with services in a real browser: counted clicks, keyboard, focus, no script.

The region is the fake backend: what is tested here is the console. `test_walk.py` has a real one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from playwright.sync_api import Browser, Page, Response, expect

from portal.audit.models import AuditEvent
from portal.console.models import SavedView
from portal.tenancy.permissions import Role
from services.instances import actions
from services.instances.models import Instance, Operation
from tests.e2e.acting import Clicks, arrived, workers  # noqa: F401  # the fixture
from tests.e2e.conftest import sign_in
from tests.e2e.look import SIDES, tour, turn, violations
from tests.makers import (
    PASSWORD,
    drive,
    make_instance,
    make_member,
    make_organisation,
    make_owner,
    make_project,
    make_region,
    order,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("prices", "fake")]
SMALL = {"width": 390, "height": 844}
READY = 15_000


@pytest.fixture
def project() -> Any:
    return make_project(make_organisation("dike", name="Dike Ltd"), "shop")


@pytest.fixture
def region() -> Any:
    return make_region()


@pytest.fixture
def user(project: Any) -> Any:
    return make_member(project, Role.OWNER)


@pytest.fixture
def orders(project: Any, region: Any) -> Instance:
    return make_instance(project, region, name="orders", tags={"env": "prod"}, protected=False)


@pytest.fixture
def home(clean: Page, live_url: str, user: Any, region: Any) -> Page:
    """The overview, signed in, with a clipboard."""
    clean.context.grant_permissions(["clipboard-read", "clipboard-write"])
    sign_in(clean, live_url, user)
    clean.goto(live_url + "/")
    return clean


@pytest.fixture
def bare(browser: Browser, live_url: str, user: Any, region: Any) -> Iterator[Page]:
    """A small screen without script."""
    context = browser.new_context(java_script_enabled=False, viewport=SMALL)  # type: ignore[arg-type]
    page = context.new_page()
    sign_in(page, live_url, user)
    yield page
    context.close()


def clipboard(page: Page) -> str:
    return str(page.evaluate("navigator.clipboard.readText()"))


def is_poll(answer: Response) -> bool:
    return "hx-request" in answer.request.headers


def state(page: Page, word: str) -> None:
    expect(page.locator("#state")).to_contain_text(word, timeout=READY)


# -- the flows and their clicks (design, CONSOLE 7.4) ----------------------------------------------


def test_a_first_service_takes_four_clicks(home: Page, workers: None) -> None:  # noqa: F811
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


def test_a_new_password_takes_three_clicks(home: Page, orders: Instance, workers: None) -> None:  # noqa: F811
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
    workers: None,  # noqa: F811
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


def test_pausing_takes_three_clicks(home: Page, orders: Instance, workers: None) -> None:  # noqa: F811
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
    workers: None,  # noqa: F811
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


@pytest.fixture
def many(project: Any, region: Any) -> list[Instance]:
    names = ("alpha", "beta", "gamma")
    return [make_instance(project, region, name=n, tags={"env": n[0]}) for n in names]


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
