"""What staff looked at is written down; what sounds like a secret is masked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from portal.audit import masking
from portal.audit.looks import ONCE, record_looks
from portal.audit.queries import events_for
from portal.kernel import clock
from portal.kernel.actor import Actor
from tests.portal.test_audit import write

pytestmark = [pytest.mark.walk, pytest.mark.django_db]


ANNA = Actor(
    kind="user", id="7", name="anna@test.example", user_id=7, address="192.0.2.1", token_id="tk-1"
)


def test_a_look_is_written_once_an_hour_for_each_person_and_organisation() -> None:
    anna, bert = replace(ANNA, kind="staff"), replace(ANNA, kind="staff", id="8")
    assert record_looks(anna, ["acme", "other"], seen="search") == 2
    assert record_looks(anna, ["acme", "third"], seen="people") == 1
    assert record_looks(bert, ["acme"], seen="people") == 1
    rows = events_for("acme", verb="staff.view").values_list("actor_id", "after", "target")
    assert list(rows) == [("8", {"seen": "people"}, "acme"), ("7", {"seen": "search"}, "acme")]


def test_an_hour_later_a_look_is_written_again(monkeypatch: pytest.MonkeyPatch) -> None:
    record_looks(ANNA, ["acme"], seen="search")
    later = clock.now() + ONCE
    monkeypatch.setattr(clock, "now", lambda: later)
    assert record_looks(ANNA, ["acme"], seen="search") == 1


def test_a_look_with_a_reason_is_always_written() -> None:
    record_looks(ANNA, ["acme"], seen="search")
    assert record_looks(ANNA, ["acme"], seen="people", reason="Ticket 4711") == 1
    assert events_for("acme").first().reason == "Ticket 4711"


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "admin_password",
        "PASSWD",
        "clientSecret",
        "api_key",
        "apiKey",
        "API-KEY",
        "key",
        "keys",
        "access_token",
        "credentials",
        "private_pem",
        "pin",
    ],
)
def test_what_sounds_like_a_secret_is_masked(name: str) -> None:
    event = write(before={name: "s3cret"}, after={"deep": [{"in": {name: "s3cret"}}]})
    event.refresh_from_db()
    assert "s3cret" not in f"{event.before}{event.after}"
    assert event.before == {name: masking.MASK}


@pytest.mark.parametrize("name", ["plan", "keyspace", "monkey", "passenger", "max_connections"])
def test_what_does_not_is_kept(name: str) -> None:
    assert write(after={name: "value"}).after == {name: "value"}


def test_secrets_inside_texts_are_masked_too() -> None:
    uri = "postgres://anna:hunter2@db:5432/x"
    event = write(after={"note": [uri]}, reason=f"leaked {uri} and polder_{'a' * 32}")
    assert "hunter2" not in f"{event.after}{event.reason}"
    assert "aaaa" not in event.reason
    assert event.after == {"note": ["postgres://anna:…@db:5432/x"]}
