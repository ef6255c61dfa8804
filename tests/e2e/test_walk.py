"""A newcomer's way through the console, in a real browser with a real engine behind it.

The region is the process backend of this machine: PostgreSQL really starts. A thread takes the
turns that workers would take, so no broker is needed.
"""

from __future__ import annotations

import re
import time

import psycopg
import pytest
from playwright.sync_api import Page, expect

from portal.tenancy.permissions import Role
from services.backends.process import certificates, engines
from tests.e2e.acting import Clicks, arrived, workers  # noqa: F401  # the fixture
from tests.e2e.conftest import sign_in
from tests.makers import PASSWORD, make_member, make_organisation, make_project, make_region
from tests.services.engines.conftest import home  # noqa: F401  # the fixture

pytestmark = [pytest.mark.django_db(transaction=True)]


@pytest.fixture
def owner(prices, home):  # noqa: F811  # the fixture
    engines.install("postgresql-17")
    project = make_project(make_organisation("dike", name="Dike Ltd"), "shop")
    make_region("local", backend="process")
    return make_member(project, Role.OWNER)


def test_order_connect_resize_delete_restore(clean: Page, live_url, owner, workers, home):  # noqa: F811
    page, clicks = clean, Clicks()
    page.goto(live_url + "/")
    page.fill("input[name=login]", owner.email)
    page.fill("input[name=password]", PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()

    # A first service in four clicks from here.
    clicks(page.get_by_role("link", name=re.compile("^PostgreSQL")))
    page.locator("#name").fill("orders-db")
    clicks(page.locator("#summary").get_by_role("button", name="Order PostgreSQL"))
    expect(page.locator("#state")).to_contain_text("Running", timeout=120_000)
    clicks(page.get_by_role("button", name="Reveal"))
    copy = page.get_by_role("button", name="Copy Connection URI")
    uri = copy.get_attribute("data-copy")
    clicks(copy)
    assert clicks.count == 4
    trusted = f"{uri}&sslrootcert={certificates.bundle(home)}"
    with psycopg.connect(trusted) as connection:
        connection.execute("create table t (word text)")
        connection.execute("insert into t values ('kept')")

    page.get_by_role("link", name="Resize").click()
    arrived(page, "/settings/")
    page.get_by_role("radio", name=re.compile("single-2x8")).check()
    expect(page.locator("#summary")).to_contain_text("113.34")
    expect(page.locator("#summary")).to_contain_text("restarts")
    page.get_by_role("button", name=re.compile("^Resize — ")).click()
    expect(page.locator(".sub")).to_contain_text("single-2x8")
    expect(page.locator("#state")).to_contain_text("Running", timeout=120_000)
    with psycopg.connect(trusted) as connection:
        assert connection.execute("show shared_buffers").fetchone() == ("2GB",)

    page.get_by_role("link", name="Delete…").click()
    page.get_by_label(re.compile("Switch the protection off")).check()
    page.get_by_label(re.compile("^Type")).fill("orders-db")
    page.get_by_role("button", name="Delete orders-db").click()
    expect(page.locator("#state")).to_contain_text("In the bin", timeout=120_000)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(trusted, connect_timeout=2)

    page.get_by_role("button", name=re.compile("Bring it back")).click()
    expect(page.locator("#state")).to_contain_text("Running", timeout=120_000)
    with psycopg.connect(trusted) as connection:
        assert connection.execute("select word from t").fetchone() == ("kept",)


def test_the_essentials_without_script(browser, live_url, owner, workers):  # noqa: F811
    context = browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 844})
    page = context.new_page()
    sign_in(page, live_url, owner)
    page.goto(f"{live_url}/catalogue/?q=postgres")
    page.get_by_role("link", name=re.compile("^PostgreSQL")).click()
    page.get_by_role("link", name="Order PostgreSQL").click()
    page.locator("#name").fill("No Good")
    page.locator("#summary .btn.primary").click()
    expect(page.locator("#name-e")).to_contain_text("lower-case")
    page.locator("#name").fill("plain-db")
    page.locator("#summary .btn.primary").click()
    expect(page.locator("h1")).to_contain_text("plain-db")
    until = time.monotonic() + 120
    while "Running" not in page.locator("#state").inner_text():
        assert time.monotonic() < until
        time.sleep(0.3)
        page.reload()
    page.get_by_role("button", name="Reveal").click()
    expect(page.locator("#connection")).to_contain_text("postgresql://app:")
    context.close()
