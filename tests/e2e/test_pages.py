"""Every page in a real browser: accessible in both themes and on a small screen, silent, light.

The list of pages is that of tests/walk/pages.py, so a new page is looked at by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from portal.tenancy.permissions import Role
from tests.e2e.look import look_at
from tests.e2e.serving import Site, site
from tests.walk.pages import Page, pages

pytestmark = pytest.mark.django_db  # the rows are those of the fixture `here`
READERS = (None, Role.OWNER, "staff")
HEAVY = ("console:styleguide",)  # shows every component at once, to those who build pages


@pytest.fixture(scope="module")
def here(django_db_setup: None, django_db_blocker: Any) -> Iterator[Site]:
    with django_db_blocker.unblock(), site(READERS) as here:
        yield here


@pytest.mark.parametrize(
    ("page_", "who"),
    [(page, who) for page in pages() for who in page.readers],
    ids=lambda part: str(part or "visitor"),
)
def test_a_page(browser: Browser, here: Site, page_: Page, who: Any) -> None:
    look = look_at(browser, here.states[who], here.urls[page_])
    print(
        f"{page_} for {who or 'visitor'}: {sum(look.sizes):.0f} bytes, {len(look.sizes)} requests"
    )
    if str(page_) not in HEAVY:
        look.weigh()
    assert not look.faults, "\n" + "\n".join(look.faults)
