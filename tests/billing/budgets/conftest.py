"""A project in which time stands still, and its people."""

import pytest

from portal.kernel import clock
from portal.tenancy.permissions import Role
from tests.billing.budgets.spending import NOW
from tests.makers import actor_for, make_member, make_project, make_region


@pytest.fixture(autouse=True)
def now(monkeypatch):
    """Twenty whole days of October are over."""
    monkeypatch.setattr(clock, "now", lambda: NOW)
    return NOW


@pytest.fixture
def project():
    return make_project()


@pytest.fixture
def region():
    return make_region()


@pytest.fixture
def owner(project):
    return actor_for(make_member(project, Role.OWNER))


@pytest.fixture
def operator(project):
    return actor_for(make_member(project, Role.OPERATOR))
