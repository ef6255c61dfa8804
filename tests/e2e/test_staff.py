"""The provider's pages in a real browser: clicks counted, by ear and eye, without script.

The region is the fake backend: what is tested here is the console.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from portal.audit.queries import events_for
from portal.kernel.errors import Permanent
from portal.tenancy.permissions import Role
from services.instances import workers as broker
from services.instances.models import Operation
from services.regions.models import Quota
from services.regions.requests import request_quota
from tests.e2e.acting import Clicks
from tests.e2e.conftest import sign_in
from tests.e2e.look import tour
from tests.makers import (
    drive,
    make_instance,
    make_member,
    make_organisation,
    make_owner,
    make_project,
    make_quota,
    make_region,
    make_user,
    order,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("prices", "fake")]
SMALL = {"width": 390, "height": 844}


@pytest.fixture
def region(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(broker, "_PATIENCE_SECONDS", 0.05)
    return make_region()


@pytest.fixture
def tenant(region: Any, fake: Any) -> dict[str, Any]:
    """A customer with a person, a service, a failed operation and a request for quota."""
    project = make_project(make_organisation("dike", name="Dike Ltd"), "shop")
    person = make_member(project, Role.OWNER, user=make_user("ilse@dike.example"))
    make_quota(project, region, instances=9)
    instance = make_instance(project, region, name="orders-db")
    fake.faults = [Permanent("engine-crashed", detail="FATAL: no space")]
    failed = drive(order(project, region, name="broken"))
    request_quota(
        actor=make_owner(project),
        project=project,
        region=region,
        name="instances",
        limit=Decimal(20),
        reason="Black Friday",
    )
    return {"project": project, "person": person, "instance": instance, "failed": failed}


@pytest.fixture
def staff(tenant: Any) -> Any:
    return make_user("staff@test.example", is_staff=True, is_superuser=True)


@pytest.fixture
def home(clean: Page, live_url: str, staff: Any) -> Page:
    sign_in(clean, live_url, staff)
    clean.goto(live_url + "/staff/")
    return clean


@pytest.fixture
def bare(browser: Browser, live_url: str, staff: Any) -> Iterator[Page]:
    """A small screen without script."""
    context = browser.new_context(java_script_enabled=False, viewport=SMALL)  # type: ignore[arg-type]
    page = context.new_page()
    sign_in(page, live_url, staff)
    yield page
    context.close()


def test_from_an_address_to_what_the_person_sees_in_three_clicks(home: Page) -> None:
    clicks = Clicks()
    home.keyboard.press("/")
    home.keyboard.type("ilse@")
    home.keyboard.press("Enter")
    clicks(home.get_by_role("main").get_by_role("link", name="ilse@dike.example"))
    clicks(home.get_by_role("link", name="Look as ilse@dike.example"))
    home.get_by_label("Reason").fill("Ticket 4711: cannot see orders-db")
    clicks(home.get_by_role("button", name="Look as this person"))
    banner = home.get_by_role("region", name="You look as somebody else")
    expect(banner).to_contain_text("You look as ilse@dike.example · nothing can be changed")
    expect(home.get_by_role("link", name=re.compile("orders-db")).first).to_be_visible()
    assert clicks.count == 3
    banner.get_by_role("button", name="End").click()
    expect(home.get_by_role("status")).to_contain_text(["You are yourself again."])
    expect(home.get_by_role("heading", name="Dike Ltd")).to_be_visible()


def test_a_write_is_refused_with_a_sentence_and_the_page_stays(home: Page, live_url, tenant):
    home.goto(f"{live_url}/staff/organisations/dike/people/")
    home.get_by_role("link", name="Look as ilse@dike.example").click()
    home.get_by_label("Reason").fill("Ticket 4711: cannot see orders-db")
    home.get_by_role("button", name="Look as this person").click()
    home.goto(f"{live_url}/services/{tenant['instance'].public_id}/")
    expect(home.get_by_role("button", name="Reveal")).to_have_count(0)
    token = home.locator("input[name=csrfmiddlewaretoken]").first.input_value()
    answer = home.request.post(
        f"{live_url}/services/{tenant['instance'].public_id}/reveal/",
        form={"csrfmiddlewaretoken": token},
        headers={"Referer": home.url},
    )
    assert answer.status == 403
    assert "You are only looking as ilse@dike.example, so nothing was changed." in answer.text()
    assert not events_for("dike", verb="credential.").exists()


def test_a_request_for_quota_is_answered_in_two_clicks(home: Page, region) -> None:
    clicks = Clicks()
    clicks(home.get_by_role("link", name="1 request for quota waits"))
    clicks(home.get_by_role("button", name="Approve"))
    expect(home.get_by_text("Nobody waits")).to_be_visible()
    assert clicks.count == 2
    assert Quota.objects.get(name="instances").limit == 20


def test_what_failed_is_tried_again_with_a_reason(home: Page, fake, tenant) -> None:
    home.get_by_role("link", name="1 operation failed").click()
    bar = home.get_by_role("group", name="With the ticked operations")
    expect(bar).to_be_hidden()
    home.get_by_label("Tick Create broken").check()
    expect(bar).to_contain_text("Ticked: 1")
    bar.get_by_label("Reason").fill("The disk was replaced")
    bar.get_by_role("button", name="Try again").click()
    expect(home.get_by_text("1 operation is tried again.")).to_be_visible()
    again = Operation.objects.get(retry_of=tenant["failed"])
    assert again.reason == "The disk was replaced"


def test_the_workers_of_a_region_are_asked_once_the_page_stands(home: Page, live_url) -> None:
    home.goto(f"{live_url}/staff/regions/local/")
    expect(home.locator("#queue")).to_contain_text("None answered")
    home.get_by_role("link", name="Ask again").click()
    expect(home.locator("#queue")).to_contain_text("None answered")


def test_the_essentials_without_script(bare: Page, live_url, tenant) -> None:
    bare.goto(f"{live_url}/staff/")
    bare.get_by_label("Search all tenants").fill("dike")
    bare.get_by_role("button", name="Search", exact=True).click()
    bare.get_by_role("link", name="Dike Ltd").first.click()
    bare.get_by_label("Reason").fill("Unpaid since May")
    bare.get_by_role("button", name="Suspend Dike Ltd").click()
    expect(bare.get_by_role("heading", name=re.compile("Dike Ltd Suspended"))).to_be_visible()
    bare.goto(f"{live_url}/staff/operations/?show=failed")
    bare.get_by_label("Tick Create broken").check()
    bare.get_by_role("button", name="Try again").click()
    expect(bare.get_by_role("alert")).to_contain_text("Nothing has been done.")
    expect(bare.get_by_label("Tick Create broken")).to_be_checked()
    bare.goto(f"{live_url}/staff/regions/local/")
    bare.get_by_role("link", name="Ask them").click()
    expect(bare.locator("#queue")).to_contain_text("None answered")
    bare.goto(f"{live_url}/staff/organisations/dike/people/")
    bare.get_by_role("link", name="Look as ilse@dike.example").click()
    bare.get_by_label("Reason").fill("too short")
    bare.get_by_role("button", name="Look as this person").click()
    expect(bare.locator("#reason-e")).to_contain_text("Say why")
    bare.get_by_label("Reason").fill("long enough a reason")
    bare.get_by_role("button", name="Look as this person").click()
    expect(bare.get_by_text("You look as ilse@dike.example")).to_be_visible()
    bare.get_by_role("button", name="End").click()
    expect(bare.get_by_text("You are yourself again.")).to_be_visible()


def test_pages_under_the_banner_are_accessible(home: Page, live_url) -> None:
    home.goto(f"{live_url}/staff/organisations/dike/people/")
    home.get_by_role("link", name="Look as ilse@dike.example").click()
    home.get_by_label("Reason").fill("Ticket 4711: cannot see orders-db")
    home.get_by_role("button", name="Look as this person").click()
    paths = ["/", "/services/", "/status/", "/looking/changes/", "/accounts/email/", "/nowhere/"]
    assert tour(home, [live_url + path for path in paths]) == []
