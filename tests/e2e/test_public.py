"""Public pages in a real browser: a visitor's way, without script, failures, accessible."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from portal.kernel import clock
from portal.status import actions
from services.regions.models import RegionHealth
from tests.e2e.acting import arrived
from tests.e2e.conftest import sign_in
from tests.e2e.test_look import SMALL
from tests.makers import make_member, make_organisation, make_project, make_region, make_staff

pytestmark = [pytest.mark.django_db(transaction=True)]

ESTIMATE = "/prices/calculator/?i=postgresql/single-2x8&n=2&h=730&i=network.egress/egress&n=20000"
PAGES = [
    *("/catalogue/", "/catalogue/postgresql/", "/prices/", "/prices/rates/", ESTIMATE),
    *(f"{ESTIMATE}&i=nats/dev-1x1&n=x", "/status/", "/status/history/", "/notices/"),
    *(
        "/licences/",
        "/trademarks/",
        "/api/docs/",
        "/api/docs/instances/",
        "/api/docs/schemas/Instance/",
    ),
    *("/api/docs/errors/", "/no-such-page/", "/theme/"),
]


@pytest.fixture
def world(prices: None) -> Any:
    """A region with a history, an incident, planned work, an announcement."""
    now, staff = clock.now(), make_staff()
    region = make_region("fra1", name="Frankfurt", backend="process", checked_at=now)
    for state, days in (("ok", 70), ("down", 30), ("ok", 29.9), ("unknown", 20), ("ok", 18)):
        at = now - timedelta(days=days)
        RegionHealth.objects.create(region=region, state=state, at=at)
    where = {"regions": ["fra1"], "families": ["databases"]}
    incident = actions.open_incident(
        actor=staff, title="Slow disks", text="We look into it.", impact="minor", **where
    )
    actions.update_incident(actor=staff, incident=incident, text="A disk.", state="identified")
    actions.schedule_maintenance(
        actor=staff,
        title="Switches",
        text="Short breaks.",
        starts_at=now + timedelta(hours=3),
        ends_at=now + timedelta(hours=4),
    )
    actions.announce(actor=staff, text="A region opens.", link="/prices/", dismissible=True)
    return incident


# -- a visitor's way -------------------------------------------------------------------------------


def test_from_the_price_list_to_an_estimate_that_can_be_sent_on(
    clean: Page, live_url: str, world: Any, browser: Browser
) -> None:
    page = clean
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{live_url}/prices/")
    page.keyboard.press("/")
    page.keyboard.type("nats")
    expect(page.locator("#results")).not_to_contain_text("Plans of PostgreSQL")
    expect(page.get_by_role("region", name="Plans of NATS")).to_be_visible()
    expect(page).to_have_url(re.compile(r"\?q=nats$"))
    page.get_by_role("link", name="Calculator", exact=True).click()
    arrived(page, "/prices/calculator/")

    page.get_by_label("Add a service").select_option("postgresql/single-2x8")
    page.get_by_role("button", name="Add", exact=True).click()
    total = page.locator("#total .total b")
    expect(total).to_have_text("€\u202f113.34")
    page.get_by_label("How many").fill("2")
    expect(total).to_have_text("€\u202f226.69")
    expect(page.get_by_label("How many")).to_be_focused()
    page.get_by_label("Hours a month").fill("365")
    expect(total).to_have_text("€\u202f113.34")
    expect(page).to_have_url(re.compile(r"n=2&h=365$"))
    page.get_by_label("How many").fill("many")
    expect(page.locator("#total")).to_contain_text("Write a number")
    page.get_by_label("How many").fill("2")
    expect(total).to_have_text("€\u202f113.34")
    page.get_by_role("button", name="Copy the address").click()
    expect(page.locator(".toast")).to_have_text("Copied")
    address = page.evaluate("navigator.clipboard.readText()")
    path = address.partition("/prices/")[2]

    other = browser.new_context().new_page()
    other.goto(f"{live_url}/prices/{path}")
    expect(other.locator("#total .total b")).to_have_text("€\u202f113.34")
    other.context.close()

    page.get_by_role("button", name="Take PostgreSQL away").click()
    expect(page.locator("#total")).to_contain_text("Choose a service")


def test_status_refreshes_itself_and_leads_to_the_incident(
    clean: Page, live_url: str, world: Any
) -> None:
    page = clean
    page.clock.install()
    page.goto(f"{live_url}/catalogue/")
    page.get_by_role("link", name="What is known").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Slow disks")
    page.get_by_role("navigation", name="Breadcrumb").get_by_role("link", name="Status").click()
    arrived(page, "/status/")
    expect(page.locator("#board")).to_contain_text("Some services are degraded.")
    actions.resolve_incident(actor=make_staff(), incident=world, text="Replaced.")
    page.clock.fast_forward(61_000)
    expect(page.locator("#board")).to_contain_text("Everything runs normally.")


def test_a_notice_is_put_away_in_place(clean: Page, live_url: str, world: Any) -> None:
    actions.resolve_incident(actor=make_staff(), incident=world, text="Over.")
    user = make_member(make_project(make_organisation("dike"), "shop"))
    sign_in(clean, live_url, user)
    clean.goto(f"{live_url}/services/")
    notice = clean.locator("#strip")
    expect(notice).to_contain_text("1 more notice")
    first = notice.inner_text()
    notice.get_by_role("button", name="Put this notice away").click()
    expect(notice).not_to_contain_text("more notice")
    assert notice.inner_text() not in ("", first)
    notice.get_by_role("button", name="Put this notice away").click()
    expect(notice).to_have_text("")
    clean.reload()
    expect(notice).to_have_text("")


def test_the_essentials_without_script(browser: Browser, live_url: str, world: Any) -> None:
    context = browser.new_context(java_script_enabled=False, viewport=SMALL)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(f"{live_url}/prices/")
    page.get_by_label("Search the price list").fill("nats")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.locator("#results")).not_to_contain_text("Kafka")
    page.get_by_role("link", name="Calculator", exact=True).click()
    page.get_by_label("Add a service").select_option("nats/dev-1x1")
    page.get_by_role("button", name="Add", exact=True).click()
    page.get_by_label("How many").fill("3")
    page.locator("#total").get_by_role("button", name="Work out").click()
    expect(page.locator("#total")).to_contain_text("3 × NATS dev-1x1, 730 hours")
    page.goto(f"{live_url}/status/")
    expect(page.locator("#board")).to_contain_text("Slow disks")
    page.goto(f"{live_url}/api/docs/prices/")
    page.get_by_text("Try it").first.click()
    with context.expect_page() as opened:
        page.get_by_role("button", name=re.compile("^Send")).click()
    expect(opened.value.locator("body")).to_contain_text('"price_class"')
    context.close()


# -- failures --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (lambda route: route.abort(), "No answer."),
        (lambda route: route.fulfill(status=502, body="bad gateway"), "That did not work."),
        (
            lambda route: route.fulfill(
                status=503, headers={"HX-Trigger": '{"toast": "Away, back soon."}'}, body="x"
            ),
            "Away, back soon.",
        ),
    ],
    ids=["no answer", "a proxy's page", "our own 503"],
)
def test_a_failure_of_htmx_leaves_the_page_usable(
    page: Page, live_url: str, world: Any, broken: Any, said: str
) -> None:
    def fail(route: Route) -> None:
        if "hx-request" in route.request.headers:
            broken(route)
        else:
            route.continue_()

    page.goto(f"{live_url}{ESTIMATE}")
    before = page.locator("#total").inner_text()
    page.route("**/prices/calculator/**", fail)
    page.get_by_role("button", name="Take Network away").click()
    expect(page.locator(".toast")).to_contain_text(said)
    assert page.locator("#total").inner_text() == before
    button = page.get_by_role("button", name="Take Network away")
    expect(button).to_be_enabled()
    expect(button).not_to_have_class(re.compile("htmx-request"))
    page.unroute("**/prices/calculator/**")
    button.click()
    expect(page.locator("#total")).not_to_contain_text("Internet")


def test_an_error_page_leads_on(clean: Page, live_url: str, world: Any) -> None:
    clean.goto(f"{live_url}/status/incidents/inc-ffffffff/")
    expect(clean.get_by_role("heading", level=1)).to_have_text("There is no such page")
    clean.get_by_role("link", name="Status", exact=True).first.click()
    expect(clean).to_have_url(f"{live_url}/status/")
