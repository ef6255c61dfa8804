"""A project with services, and its owner in a browser."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page

from portal.tenancy.permissions import Role
from services.instances.models import Instance
from tests.e2e.acting import workers  # noqa: F401  # the fixture
from tests.e2e.conftest import sign_in
from tests.makers import make_instance, make_member, make_organisation, make_project, make_region


@pytest.fixture
def project() -> Any:
    return make_project(make_organisation("dike", name="Dike Ltd"), "shop")


@pytest.fixture
def region() -> Any:
    return make_region()


@pytest.fixture
def user(project: Any) -> Any:
    return make_member(project, Role.OWNER)


@pytest.fixture
def orders(project: Any, region: Any) -> Instance:
    return make_instance(project, region, name="orders", tags={"env": "prod"}, protected=False)


@pytest.fixture
def home(clean: Page, live_url: str, user: Any, region: Any) -> Page:
    """The overview, signed in, with a clipboard."""
    clean.context.grant_permissions(["clipboard-read", "clipboard-write"])
    sign_in(clean, live_url, user)
    clean.goto(live_url + "/")
    return clean


@pytest.fixture
def many(project: Any, region: Any) -> list[Instance]:
    names = ("alpha", "beta", "gamma")
    return [make_instance(project, region, name=n, tags={"env": n[0]}) for n in names]
