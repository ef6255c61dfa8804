"""A project, and somebody of the provider who is signed in."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from tests.makers import make_organisation, make_project, make_region, make_user, signed_in


@pytest.fixture
def project() -> Any:
    return make_project(make_organisation("dike", name="Dike Ltd"), "shop")


@pytest.fixture
def region() -> Any:
    return make_region()


@pytest.fixture
def staff(client: Client) -> Client:
    signed_in(client, make_user("staff@test.example", is_staff=True))
    return client
