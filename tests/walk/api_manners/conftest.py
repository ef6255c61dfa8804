"""A tenant, and an API that its people ask."""

from __future__ import annotations

import pytest

from tests.makers import make_instance, make_member, make_project, make_region
from tests.portal.api import Api


@pytest.fixture
def project():
    return make_project(slug="shop")


@pytest.fixture
def region():
    return make_region()


@pytest.fixture
def api(project):
    return Api(make_member(project))


@pytest.fixture
def instance(project, region):
    return make_instance(project, region)
