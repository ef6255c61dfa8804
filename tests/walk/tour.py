"""A tour through the furnished world, taken once a run: every page for each reader, every kind of
link followed, everything logged on the way. What it brings back needs no database.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from xml.etree.ElementTree import Element

import html5lib
from django.db import transaction
from django.test import Client
from django.urls import Resolver404, ResolverMatch, resolve

from portal.conf.logs import TextFormatter
from tests.walk.furnish import PEOPLE, Place, furnished
from tests.walk.pages import Page, Visit, client_of, pages, visit


@dataclass
class Tour:
    """`parsed` holds each document with its faults of syntax; `fragments` what htmx gets in place
    of a page; `followed` links with the status of what stands behind them.
    """

    visits: list[Visit] = field(default_factory=list)
    fragments: list[tuple[Visit, Any]] = field(default_factory=list)
    followed: list[tuple[Visit, str, int]] = field(default_factory=list)
    secrets: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    @cached_property
    def parsed(self) -> list[tuple[Visit, Element, list[str]]]:
        return [(seen, *_parse(seen.html)) for seen in self.visits if seen.is_document]

    @property
    def documents(self) -> list[tuple[Visit, Element]]:
        return [(seen, root) for seen, root, _faults in self.parsed]


class Heard(logging.Handler):
    """Every line, as the log would show it, and every value that came along."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__()
        self.lines = lines
        self.setFormatter(TextFormatter())

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{self.format(record)} {vars(record)}")


@contextmanager
def listening(lines: list[str]) -> Iterator[None]:
    """All that is logged, whatever its level, but for the texts of queries."""
    handler, root, queries = Heard(lines), logging.getLogger(), logging.getLogger("django.db")
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    queries.propagate = False
    try:
        yield
    finally:
        queries.propagate = True
        root.removeHandler(handler)
        root.setLevel(before)


def take() -> Tour:
    """Everything made for it is taken back."""
    tour = Tour()
    with transaction.atomic(), furnished() as place, listening(tour.lines):
        clients = {who: client_of(place, who) for who in PEOPLE}
        for page in pages():
            _visit(tour, place, clients, page)
        _follow(tour, clients)
        tour.secrets = place.secrets
        transaction.set_rollback(True)
    return tour


def _visit(tour: Tour, place: Place, clients: dict[Any, Client], page: Page) -> None:
    clients[PEOPLE[-1]].get(page.full_url(place))  # what is kept in memory is there from now on
    for who in PEOPLE:
        seen = visit(clients[who], page, who, place)
        tour.visits.append(seen)
        if seen.is_document and seen.response.status_code == 200:
            answer = clients[who].get(seen.url, headers={"HX-Request": "true"})
            tour.fragments.append((seen, answer))


def _follow(tour: Tour, clients: dict[Any, Client]) -> None:
    """One link of each kind on each page."""
    known: dict[Any, int] = {}
    for seen, root in tour.documents:
        kinds = set()
        for link in root.iter("a"):
            href = link.get("href", "")
            found = match(href)
            if found is None or found.namespace == "admin" or found.view_name in kinds:
                continue
            kinds.add(found.view_name)
            key = (seen.who, found.view_name, *sorted(found.kwargs.items()))
            if key not in known:
                known[key] = clients[seen.who].get(href).status_code
                tour.followed.append((seen, href, known[key]))


def match(path: str) -> ResolverMatch | None:
    """The view behind a path of ours."""
    try:
        return resolve(path.partition("?")[0].partition("#")[0])
    except Resolver404:
        return None


def _parse(html: str) -> tuple[Element, list[str]]:
    parser = html5lib.HTMLParser(namespaceHTMLElements=False)
    root = parser.parse(html.lstrip())
    return root, [f"{position} {code}" for position, code, _data in parser.errors]


def none(found: list[str]) -> None:
    """Asserts that nothing was found, and shows all that was."""
    assert not found, "\n" + "\n".join(found)
