"""Who acts in browser tests: clicks that are counted, and a thread in place of the workers."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator

import pytest
from django.db import connections
from playwright.sync_api import Locator, Page, expect

from services.instances import work
from services.instances.models import Operation
from services.instances.states import OPEN


class Clicks:
    """Clicks, and counts how often."""

    count = 0

    def __call__(self, target: Locator) -> None:
        self.count += 1
        target.click()


def arrived(page: Page, address: str) -> None:
    """A page whose address ends so, its query aside, is there and listens. It is seen before its
    scripts have run, and what is typed in that moment is not heard.
    """
    expect(page).to_have_url(re.compile(rf"{re.escape(address)}(\?|$)"))
    page.wait_for_load_state()


class Workers(threading.Thread):
    """Takes turns at whatever is due until told to stop."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.over = threading.Event()

    def run(self) -> None:
        while not self.over.wait(0.03):
            for pk in Operation.objects.filter(state__in=OPEN).values_list("pk", flat=True):
                work.take_turn(pk)
        connections.close_all()


@pytest.fixture
def workers() -> Iterator[None]:
    thread = Workers()
    thread.start()
    yield
    thread.over.set()
    thread.join(30)
