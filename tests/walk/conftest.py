"""The furnished world and the tour through it: tests about all pages and all addresses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction

from tests.walk.furnish import Place, furnished
from tests.walk.tour import Tour, take


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/walk/" in item.path.as_posix():
            item.add_marker(pytest.mark.walk)


@pytest.fixture(scope="session")
def tour(django_db_setup: None, django_db_blocker: Any) -> Tour:
    """Whoever asks for it needs `pytest.mark.django_db`, so that there is a database to tour."""
    with django_db_blocker.unblock():
        return take()


@pytest.fixture(scope="module")
def place(tour: Tour, django_db_blocker: Any) -> Iterator[Place]:
    """The world itself, for a module; what a test changes there is taken back after it.

    After the tour, whose world has the same names.
    """
    with django_db_blocker.unblock(), transaction.atomic(), furnished() as place:
        yield place
        transaction.set_rollback(True)
