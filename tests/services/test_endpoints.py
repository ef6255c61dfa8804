"""The endpoints of a service: in an order that helps, and each explained."""

from __future__ import annotations

import pytest

from services.instances.endpoints import ordered, purpose
from services.spec import Endpoint
from tests.contracts.made_up import RUNNING, each, rendered


def made(*names: str) -> list[Endpoint]:
    return [Endpoint(name, "kafka", "h", 1, "uri", tls=True) for name in names]


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (("public", "pooler", "read", "client"), ("client", "read", "pooler", "public")),
        (
            ("public-management", "management", "public-amqps", "amqps"),
            ("amqps", "management", "public-amqps", "public-management"),
        ),
        (("node10", "unknown", "node2", "client"), ("client", "node2", "node10", "unknown")),
    ],
)
def test_where_work_goes_in_comes_first(given: tuple[str, ...], wanted: tuple[str, ...]) -> None:
    assert ordered(made(*given)) == made(*wanted)


@pytest.mark.parametrize(
    ("name", "protocol", "said"),
    [
        ("client", "postgresql", "Reads and writes: always leads to the primary."),
        ("client", "kafka", "Where clients connect."),
        ("dashboards", "https", "OpenSearch Dashboards, for a browser."),
        ("public-mqtt", "mqtt", "Where devices connect by MQTT. From the internet."),
        ("unknown", "kafka", ""),
    ],
)
def test_each_says_what_it_is_for(name: str, protocol: str, said: str) -> None:
    assert purpose(name, protocol) == said


@each(RUNNING)
def test_all_of_one_machine_are_explained(entry) -> None:
    for _, process, _ in rendered(entry):
        assert all(purpose(e.name, e.protocol) for e in process.endpoints)
        assert ordered(process.endpoints)[0].port == process.credentials.port
