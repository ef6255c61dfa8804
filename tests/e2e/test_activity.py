"""Operations, the bell, webhooks and the audit log in a real browser, on the fake backend: clicks,
what comes by itself, accessibility, and the essentials without script.
"""

from __future__ import annotations

import ipaddress
import re
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connections
from playwright.sync_api import Browser, Page, expect

from portal.accounts.models import User
from portal.kernel.errors import Permanent
from portal.notifications import delivering, fanout
from portal.notifications.models import Webhook
from portal.outbox.models import OutboxEntry
from portal.tenancy.permissions import Role
from services.instances import work
from services.instances.models import Operation
from services.instances.states import OPEN
from tests.e2e.conftest import sign_in
from tests.e2e.look import tour
from tests.makers import (
    actor_for,
    drive,
    make_instance,
    make_member,
    make_organisation,
    make_project,
    make_region,
    make_webhook,
    order,
)
from tests.portal.receivers import Receiver, receiving

pytestmark = [pytest.mark.django_db(transaction=True)]
SMALL = {"width": 390, "height": 844}


class Workers(threading.Thread):
    """Does what workers do, until told to stop: turns, fan-out, deliveries."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.over = threading.Event()

    def run(self) -> None:
        while not self.over.wait(0.05):
            for pk in Operation.objects.filter(state__in=OPEN).values_list("pk", flat=True):
                work.take_turn(pk)
            for pk in OutboxEntry.objects.filter(done_at=None).values_list("pk", flat=True):
                fanout.fan_out(pk)
            delivering.deliver_due()
        connections.close_all()


@pytest.fixture
def workers() -> Iterator[None]:
    thread = Workers()
    thread.start()
    yield
    thread.over.set()
    thread.join(30)


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    settings.POLDER_WEBHOOK_ALLOW = [ipaddress.ip_network("127.0.0.1/32")]
    settings.POLDER_WEBHOOK_HTTP = True
    with receiving() as place:
        yield place


@pytest.fixture
def owner(prices: None, fake: Any) -> User:
    project = make_project(make_organisation("dike", name="Dike Ltd"), "shop")
    make_region()
    return make_member(project, Role.OWNER)


@pytest.fixture
def shop(owner: User) -> Any:
    return owner.memberships.get().organisation.projects.get()


@pytest.fixture
def local(shop: Any) -> Any:
    from services.regions.models import Region

    return Region.objects.get()


def test_who_read_that_credential_in_two_clicks(
    clean: Page, live_url: str, owner: User, shop: Any, local: Any
) -> None:
    make_instance(shop, local, name="orders-db")
    sign_in(clean, live_url, owner)
    clean.goto(f"{live_url}/services/")
    clean.get_by_role("link", name="orders-db PostgreSQL").click()
    clean.get_by_role("button", name=re.compile("Reveal")).first.click()
    expect(clean.get_by_text("fake://app:").first).to_be_visible()
    clean.goto(live_url + "/")
    clean.get_by_role("link", name=re.compile("orders-db")).first.click()  # one
    clean.get_by_role("link", name="Who looked?").click()  # two
    expect(clean.locator(".acts summary")).to_have_count(1)
    expect(clean.locator(".acts summary")).to_contain_text(
        f"{owner.email} looked at a password · orders-db"
    )


def test_an_operation_ends_before_the_eyes_and_rings_the_bell(
    clean: Page, live_url: str, owner: User, workers: None
) -> None:
    sign_in(clean, live_url, owner)
    clean.goto(f"{live_url}/catalogue/postgresql/order/")
    clean.locator("#name").fill("orders-db")
    clean.locator("#summary .btn.primary").click()
    expect(clean.locator("#state")).to_contain_text("Running")
    clean.goto(f"{live_url}/operations/")
    clean.get_by_role("link", name=re.compile("Create orders-db")).click()
    expect(clean.locator("#live .badge")).to_have_text("Finished")
    expect(clean.locator("#log")).to_contain_text("fake: ready")
    expect(clean.locator("#live[hx-trigger]")).to_have_count(0)
    clean.reload()
    bell = clean.get_by_role("link", name=re.compile("Notifications 1 unread"))
    bell.click()
    clean.get_by_role("link", name="orders-db runs").click()
    expect(clean.locator("h1")).to_contain_text("Create orders-db")
    expect(clean.get_by_role("link", name="Notifications", exact=True)).to_be_visible()


def test_filters_keep_their_state_in_the_address(
    clean: Page, live_url: str, owner: User, shop: Any, local: Any
) -> None:
    for name in ("orders-db", "sessions"):
        make_instance(shop, local, name=name)
    sign_in(clean, live_url, owner)
    clean.goto(f"{live_url}/operations/")
    clean.locator("#f-service").fill("sess")
    expect(clean.locator("tbody tr")).to_have_count(1)
    clean.locator("#f-kind").select_option("create")
    expect(clean).to_have_url(re.compile(r"service=sess&kind=create"))
    clean.reload()
    expect(clean.locator("#f-service")).to_have_value("sess")
    expect(clean.locator("tbody tr")).to_have_count(1)
    clean.get_by_role("link", name=re.compile("Create sessions")).click()
    clean.go_back()
    expect(clean.locator("#f-kind")).to_have_value("create")
    clean.goto(f"{live_url}/audit/")
    clean.locator("#f-verb").select_option("operation.")
    expect(clean.locator(".acts summary")).to_have_count(2)
    with clean.expect_download() as download:
        clean.get_by_role("button", name="JSON lines").click()
    lines = download.value.path().read_text().splitlines()
    assert [re.search(r'"verb":"([^"]+)"', line).group(1) for line in lines] == [  # type: ignore[union-attr]
        "operation.succeeded",
        "operation.succeeded",
    ]


def test_a_webhook_is_made_pinged_and_read_without_reloading(
    clean: Page, live_url: str, owner: User, receiver: Receiver, workers: None
) -> None:
    sign_in(clean, live_url, owner)
    clean.goto(f"{live_url}/settings/webhooks/")
    clean.get_by_role("link", name="New webhook").click()
    clean.get_by_label("Address").fill("ftp://nowhere")
    clean.get_by_role("button", name="Create webhook").click()
    expect(clean.locator("#url-e")).to_contain_text("must begin with")
    clean.get_by_label("Address").fill(receiver.url)
    clean.get_by_role("button", name="Create webhook").click()
    expect(clean.get_by_text("It is shown this once.")).to_be_visible()
    clean.get_by_role("button", name="Send a ping").click()
    expect(clean.locator("#log")).to_contain_text("Delivered", timeout=120_000)
    clean.locator("#log tbody a").click()
    expect(clean.get_by_text("thanks")).to_be_visible()
    clean.get_by_role("button", name="Send it again").click()
    expect(clean.locator("#log tbody tr")).to_have_count(2)
    expect(clean.locator("#log .badge.ok")).to_have_count(2, timeout=120_000)
    assert len(receiver.got) == 2


def test_the_essentials_without_script(
    browser: Browser, live_url: str, owner: User, shop: Any, local: Any, fake: Any
) -> None:
    fake.faults = [Permanent("engine-crashed", detail="FATAL: no")]
    drive(order(shop, local, name="orders-db", actor=actor_for(owner)))
    for pk in OutboxEntry.objects.values_list("pk", flat=True):
        fanout.fan_out(pk)
    context = browser.new_context(java_script_enabled=False, viewport=SMALL)  # type: ignore[arg-type]
    page = context.new_page()
    sign_in(page, live_url, owner)
    page.goto(f"{live_url}/operations/?state=failed")
    page.get_by_role("link", name=re.compile("Create orders-db")).click()
    page.get_by_role("link", name="Show the log").click()
    expect(page.locator("#log")).to_contain_text("fake: ready")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("#live")).to_contain_text("Again after")
    page.get_by_role("link", name=re.compile("^Notifications, 1 unread")).click()
    page.get_by_role("button", name="Mark all as read").click()
    page.get_by_role("link", name="What I hear of").click()
    page.get_by_label("Mail: An operation failed").uncheck()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_label("Mail: An operation failed")).not_to_be_checked()
    page.goto(f"{live_url}/settings/webhooks/new/")
    page.get_by_label("Address").fill("https://93.184.216.34/in")
    page.get_by_role("button", name="Create webhook").click()
    expect(page.locator("main")).to_contain_text("polder_wh_")
    page.goto(f"{live_url}/audit/?verb=webhook.")
    page.locator(".acts summary").first.click()
    expect(page.locator(".acts details[open]")).to_contain_text("93.184.216.34")
    page.get_by_role("button", name="Check now").click()
    expect(page.locator("main")).to_contain_text("It holds")
    context.close()


def test_pages_in_trouble_are_accessible(
    clean: Page, live_url: str, owner: User, shop: Any, local: Any, fake: Any
) -> None:
    fake.faults = [Permanent("engine-crashed", detail="FATAL: no space " * 20)]
    failed = drive(order(shop, local, name="orders-db", actor=actor_for(owner)))
    running = order(shop, local, name="sessions", actor=actor_for(owner))
    off = make_webhook(shop, "https://x.test/" + "long/" * 60)
    Webhook.objects.filter(pk=off.pk).update(
        disabled_at=off.created_at, disabled_why="failing", failures=100
    )
    sign_in(clean, live_url, owner)
    paths = ["operations/?service=nothing", f"operations/{running.public_id}/"]
    paths += [f"operations/{failed.public_id}/", f"operations/{failed.public_id}/log/"]
    paths += [f"settings/webhooks/{off.public_id}/", "audit/?target=nothing"]
    assert tour(clean, [f"{live_url}/{path}" for path in paths]) == []
