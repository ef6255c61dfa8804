"""A project of which something is told."""

import pytest

from tests.makers import make_project, make_region


@pytest.fixture
def project():
    return make_project(slug="shop")


@pytest.fixture
def region(fake):
    return make_region()
