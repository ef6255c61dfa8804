"""A project, and a receiver on this machine."""

import ipaddress

import pytest

from tests.makers import make_project
from tests.portal.receivers import receiving


@pytest.fixture
def loopback(settings):
    """Lets webhooks to receivers on this machine."""
    settings.POLDER_WEBHOOK_ALLOW = [ipaddress.ip_network("127.0.0.1/32")]
    settings.POLDER_WEBHOOK_HTTP = True


@pytest.fixture
def receiver(loopback):
    with receiving() as place:
        yield place


@pytest.fixture
def project():
    return make_project(slug="shop")
