"""What pages cost the server. `make numbers` prints the table."""

from __future__ import annotations

import pytest

from tests.walk.pages import Visit
from tests.walk.tour import Tour

pytestmark = pytest.mark.django_db  # a database for the fixture `tour`
MOST_QUERIES = 25
# Ten times what the slowest takes on an idle machine: a page that grew by itself is seen, a busy
# machine is not.
MOST_MILLISECONDS = 1000
WAITS = "console:staff-queue"  # a second for the broker, which is away in tests


@pytest.fixture(scope="module")
def visits(tour: Tour) -> list[Visit]:
    return [seen for seen in tour.visits if seen.is_document and seen.response.status_code == 200]


def test_pages_ask_the_database_little(visits):
    greedy = {str(seen): seen.queries for seen in visits if seen.queries > MOST_QUERIES}
    assert greedy == {}


def test_pages_answer_at_once(visits):
    for seen in sorted(visits, key=lambda seen: -seen.milliseconds):
        size = len(seen.content)
        print(f"{seen}: {seen.milliseconds:.0f} ms, {seen.queries} queries, {size} bytes of HTML")
    assert len(visits) > 150
    slow = [seen for seen in visits if seen.milliseconds > MOST_MILLISECONDS]
    assert [str(seen) for seen in slow if str(seen.page) != WAITS] == []
