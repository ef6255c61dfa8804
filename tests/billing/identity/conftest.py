"""An organisation and its people."""

import pytest

from tests.makers import make_owner, make_project


@pytest.fixture
def project():
    return make_project()


@pytest.fixture
def owner(project):
    return make_owner(project)
