"""What a load balancer asks."""

from __future__ import annotations

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from redis.exceptions import ConnectionError as BrokerAway

from portal.conf import health


def test_alive_asks_no_database(client: Client) -> None:
    """Without the db fixture a query would fail this test."""
    answer = client.get("/healthz")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ok"}
    assert "no-cache" in answer["Cache-Control"]


@pytest.mark.django_db
def test_ready(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_migrated", False)
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json()["checks"] == {"database": "ok", "broker": "ok", "migrations": "ok"}


@pytest.mark.django_db
def test_not_ready_without_broker(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(key: str) -> None:
        raise BrokerAway(key)

    monkeypatch.setattr(cache, "get", away)
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"]["broker"] == "unreachable"


@pytest.mark.django_db
def test_not_ready_with_a_migration_to_apply(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "_migrated", False)
    with connection.cursor() as cursor:
        cursor.execute("delete from django_migrations where app = 'billing'")
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"]["migrations"] == "pending"


def test_not_ready_without_database(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db import OperationalError

    def away() -> None:
        raise OperationalError("no")

    monkeypatch.setattr(connection, "cursor", away)
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"]["database"] == "unreachable"
    assert answer.json()["checks"]["migrations"] == "unknown"
