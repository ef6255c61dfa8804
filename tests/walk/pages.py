"""Every page there is, found by itself: what doors are opened by GET, and what django-allauth
brings. A new page is looked at by all tests over pages without another edit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from time import perf_counter
from typing import Any

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import NoReverseMatch, reverse

from portal.tenancy.permissions import Role
from tests.makers import signed_in
from tests.portal.addresses import EXEMPT, names
from tests.portal.doors import PUBLIC, STAFF, Door, doors
from tests.walk.furnish import Place

MACHINES = ("api:",)  # answers that are for programs


@dataclass(frozen=True)
class Page:
    """An address that a person may open. `door` is None for one of django-allauth."""

    name: str
    door: Door | None = None

    def __str__(self) -> str:
        return self.name

    def url(self, place: Place) -> str:
        """Made once: some doors make the row that they lead to."""
        if self.name in place.reals:
            return reverse(self.name, kwargs=place.reals[self.name])
        kwargs = dict(self.door.at(place.world)) if self.door else {}
        place.reals[self.name] = kwargs
        return reverse(self.name, kwargs=kwargs)

    def full_url(self, place: Place) -> str:
        query = self.door.query if self.door else ""
        return f"{self.url(place)}?{query}" if query else self.url(place)

    @property
    def readers(self) -> tuple[Any, ...]:
        """Who sees the most of it: as a visitor, and signed in."""
        if self.door and self.door.rule == STAFF:
            return ("staff",)
        return (
            (None, Role.OWNER) if self.door is None or self.door.rule == PUBLIC else (Role.OWNER,)
        )


def pages() -> list[Page]:
    """In the order of their names."""
    listed = {d.name: Page(d.name, d) for d in doors() if d.method == "GET"}
    theirs = {name: Page(name) for name in _of_allauth()}
    found = {**listed, **theirs}
    return [found[name] for name in sorted(found) if not name.startswith(MACHINES)]


def _of_allauth() -> Iterator[str]:
    ours = {door.name for door in doors()}
    yield from (name for name in names() if name not in {*ours, *EXEMPT} and _bare(name))
    yield "account_reset_password_from_key"


def _bare(name: str) -> bool:
    """Whether the address takes no arguments."""
    try:
        reverse(name)
    except NoReverseMatch:
        return False
    return True


@dataclass(frozen=True)
class Visit:
    """What `who` got at `page`."""

    page: Page
    who: Any
    url: str
    response: Any
    queries: int
    milliseconds: float

    def __str__(self) -> str:
        return f"{self.who or 'visitor'} at {self.page}"

    @cached_property
    def content(self) -> bytes:
        """Whole, also when it was streamed."""
        return self.response.getvalue()  # type: ignore[no-any-return]  # of the test client

    @cached_property
    def html(self) -> str:
        return self.content.decode()

    @property
    def is_download(self) -> bool:
        return is_download(self.response)

    @property
    def is_document(self) -> bool:
        kind = self.response.headers.get("Content-Type", "")
        html = kind.startswith("text/html") and not self.is_download
        return html and "<!doctype" in self.html[:200].lower()


def is_download(answer: Any) -> bool:
    """A file to keep: it stands alone, and says what it says in the language of its reader."""
    return answer.headers.get("Content-Disposition", "").startswith("attachment")


def client_of(place: Place, who: Any, **fields: Any) -> Client:
    client = Client(raise_request_exception=False, **fields)
    return signed_in(client, place.people[who]) if who else client


def visit(client: Client, page: Page, who: Any, place: Place) -> Visit:
    url = page.full_url(place)
    with CaptureQueriesContext(connection) as captured:
        start = perf_counter()
        response = client.get(url)
        took = (perf_counter() - start) * 1000
    return Visit(page, who, url, response, len(captured), took)
