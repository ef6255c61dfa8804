"""The audit trail: chains that cannot fork, tampering that is found, secrets that stay out."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction

from portal.audit.actions import PROVIDER, erase_person, event_hash, record
from portal.audit.models import AuditEvent
from portal.audit.queries import chains, events_for, verify
from portal.kernel import clock
from portal.kernel.actor import SYSTEM, Actor
from portal.kernel.errors import NotPermitted

pytestmark = [pytest.mark.walk, pytest.mark.django_db]
ANNA = Actor(
    kind="user", id="7", name="anna@test.example", user_id=7, address="192.0.2.1", token_id="tk-1"
)


def write(chain: str = "acme", actor: Actor = ANNA, **fields: Any) -> AuditEvent:
    return record(
        actor, fields.pop("verb", "instance.create"), "instance", "pg-1", chain=chain, **fields
    )


def tamper(change: Callable[[], object]) -> None:
    """What somebody with the database's own password could do."""
    with connection.cursor() as cursor:
        cursor.execute("alter table audit_auditevent disable trigger audit_append_only")
        change()
        cursor.execute("alter table audit_auditevent enable trigger audit_append_only")


def test_an_event_says_who_what_and_from_where() -> None:
    event = write(project="shop", before={"plan": "a"}, after={"plan": "b"}, reason="growth")
    event.refresh_from_db()
    assert (event.actor_kind, event.actor_id, event.actor_name) == (
        "user",
        "7",
        "anna@test.example",
    )
    assert (event.address, event.token, event.project) == ("192.0.2.1", "tk-1", "shop")
    assert (event.before, event.after, event.reason) == ({"plan": "a"}, {"plan": "b"}, "growth")


def test_each_chain_counts_for_itself_and_links_back() -> None:
    first, other, second = write("acme"), write("other"), write("acme")
    assert [e.sequence for e in (first, other, second)] == [1, 1, 2]
    assert (first.previous_hash, second.previous_hash) == ("", first.hash)
    assert chains() == ["acme", "other"]
    assert (verify("acme").ok, verify("acme").count, verify("acme").head) == (
        True,
        2,
        second.hash,
    )


@pytest.mark.django_db(transaction=True)
def test_a_record_needs_the_transaction_it_describes() -> None:
    with pytest.raises(RuntimeError):
        write()
    with transaction.atomic():
        write()
        transaction.set_rollback(True)
    assert not AuditEvent.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_eight_writers_at_once_do_not_fork_the_chain() -> None:
    start, faults = threading.Barrier(8), []

    def writer(number: int) -> None:
        start.wait()
        try:
            for turn in range(10):
                with transaction.atomic():
                    write("acme" if number % 2 else "other", after={"turn": turn})
        except Exception as error:  # noqa: BLE001  # a thread's error must reach the test
            faults.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=writer, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    for chain in ("acme", "other"):
        sequences = list(events_for(chain).values_list("sequence", flat=True))
        assert sequences == list(range(40, 0, -1))
        assert verify(chain).ok


CHANGES = {
    "chain": "else",
    "at": clock.now() - timedelta(days=400),
    "actor_kind": "system",
    "actor_id": "8",
    "actor_name": "bert@test.example",
    "address": "192.0.2.99",
    "on_behalf_of_id": "9",
    "on_behalf_of": "cora@test.example",
    "token": "tk-2",
    "request_id": "other",
    "verb": "instance.delete",
    "target_kind": "project",
    "target": "pg-2",
    "project": "elsewhere",
    "before": {"plan": "z"},
    "after": {"plan": "z"},
    "reason": "none",
    "salt": "00",
    "personal_digest": "00",
    "previous_hash": "00",
    "hash": "00",
}


def test_every_field_of_the_table_is_tried() -> None:
    fields = {field.name for field in AuditEvent._meta.get_fields()}
    assert fields - set(CHANGES) == {"id", "sequence"}


@pytest.mark.parametrize("field", CHANGES)
def test_the_database_refuses_a_change(field: str) -> None:
    event = write(after={"plan": "a"})
    with pytest.raises(DatabaseError, match="audit events"), transaction.atomic():
        AuditEvent.objects.filter(pk=event.pk).update(**{field: CHANGES[field]})
    with pytest.raises(DatabaseError, match="cannot be deleted"), transaction.atomic():
        event.delete()


@pytest.mark.parametrize("field", CHANGES)
def test_a_change_behind_the_database_s_back_is_found(field: str) -> None:
    events = [write(after={"plan": "a"}) for _ in range(3)]
    middle = AuditEvent.objects.filter(pk=events[1].pk)
    tamper(lambda: middle.update(**{field: CHANGES[field]}))
    found = verify("acme")
    assert not found.ok
    assert found.first_bad in (2, 3)  # a row that left the chain shows at the next
    with pytest.raises(CommandError, match="changed outside Polder"):
        call_command("verify_audit", stdout=StringIO())


def test_a_rewritten_event_with_a_fresh_hash_is_found_at_the_next() -> None:
    events = [write() for _ in range(3)]

    def rewrite() -> None:
        forged = events[1]
        forged.target = "pg-9"
        forged.hash = event_hash(forged)
        forged.save()

    def relink() -> None:
        AuditEvent.objects.filter(pk=events[2].pk).update(previous_hash=events[1].hash)

    tamper(rewrite)
    assert verify("acme").first_bad == 3
    tamper(relink)
    assert verify("acme").first_bad == 3


def test_a_missing_event_is_found() -> None:
    events = [write() for _ in range(3)]
    tamper(events[0].delete)
    assert verify("acme").first_bad == 2


def test_the_command_lists_chains_and_heads() -> None:
    head = write().hash
    write(PROVIDER)
    out = StringIO()
    call_command("verify_audit", stdout=out)
    assert f"acme: 1 events, the chain holds, head {head}." in out.getvalue()
    assert len(out.getvalue().splitlines()) == 2
    with pytest.raises(CommandError, match="no chain typo"):
        call_command("verify_audit", "typo", stdout=out)


def test_a_person_is_erased_and_the_chain_holds() -> None:
    write()
    write("other")
    bert = write(actor=replace(ANNA, id="8", name="bert@test.example"))
    with pytest.raises(NotPermitted):
        erase_person(ANNA, actor_id="8")
    assert erase_person(SYSTEM, actor_id="7") == 2
    assert erase_person(SYSTEM, actor_id="7") == 0
    rows = AuditEvent.objects.filter(actor_id="7").values_list("actor_name", "address", "salt")
    assert set(rows) == {("", "", "")}
    bert.refresh_from_db()
    assert bert.actor_name == "bert@test.example"
    assert all(verify(chain).ok for chain in chains())
    assert AuditEvent.objects.latest("id").verb == "audit.erase"


def test_an_erased_name_cannot_be_written_again() -> None:
    event = write()
    erase_person(SYSTEM, actor_id="7")
    with pytest.raises(DatabaseError), transaction.atomic():
        AuditEvent.objects.filter(pk=event.pk).update(actor_name="bert@test.example")
    tamper(lambda: AuditEvent.objects.filter(pk=event.pk).update(actor_name="bert@test.example"))
    assert verify("acme").first_bad == 1


STAFF = Actor(
    kind="user",
    id="1",
    name="staff@test.example",
    user_id=7,
    on_behalf_of="anna@test.example",
    on_behalf_of_id="7",
)


def test_what_staff_did_as_somebody_else_names_both() -> None:
    event = write(actor=STAFF)
    event.refresh_from_db()
    assert (event.actor_kind, event.actor_id, event.actor_name) == (
        "staff",
        "1",
        "staff@test.example",
    )
    assert (event.on_behalf_of_id, event.on_behalf_of) == ("7", "anna@test.example")
    assert [events_for("acme", actor=who).count() for who in ("1", "7", STAFF.on_behalf_of)] == [
        1,
        1,
        1,
    ]
    assert verify("acme").ok


@pytest.mark.parametrize("change", [{"on_behalf_of_id": ""}, {"on_behalf_of": ""}])
def test_that_it_was_somebody_else_cannot_be_taken_away(change: dict[str, str]) -> None:
    event = write(actor=STAFF)
    tamper(lambda: AuditEvent.objects.filter(pk=event.pk).update(**change))
    assert verify("acme").first_bad == 1


def test_events_of_before_it_was_known_on_whose_behalf_keep_their_hash() -> None:
    """The hash as the release before computed it, over the fields that it knew."""
    event = write(after={"plan": "a"})
    fields = {name: getattr(event, name) for name in FIELDS_OF_THE_FIRST_RELEASE}
    fields["at"] = event.at.isoformat()
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"))
    assert event.hash == hashlib.sha256(text.encode()).hexdigest()
    personal = "\0".join((event.salt, "anna@test.example", "192.0.2.1"))
    assert event.personal_digest == hashlib.sha256(personal.encode()).hexdigest()


FIELDS_OF_THE_FIRST_RELEASE = [
    "chain",
    "sequence",
    "actor_kind",
    "actor_id",
    "token",
    "request_id",
    "verb",
    "target_kind",
    "target",
    "project",
    "before",
    "after",
    "reason",
    "personal_digest",
    "previous_hash",
]


def test_the_release_before_can_still_write() -> None:
    """Old and new code run together during a deploy: a row without the new columns is taken."""
    old = write()
    columns = [
        field.column
        for field in AuditEvent._meta.concrete_fields
        if field.column not in ("id", "sequence", "on_behalf_of", "on_behalf_of_id")
    ]
    names = ", ".join(columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f"insert into audit_auditevent (sequence, {names}) select 2, {names} "  # noqa: S608
            "from audit_auditevent where id = %s",
            [old.pk],
        )
    assert AuditEvent.objects.get(sequence=2).on_behalf_of == ""


def test_whom_staff_looked_as_is_erased_too() -> None:
    write(actor=STAFF)
    assert erase_person(SYSTEM, actor_id="7") == 1
    event = AuditEvent.objects.get(chain="acme")
    assert (event.actor_id, event.actor_name, event.on_behalf_of) == ("1", "", "")
    assert event.on_behalf_of_id == "7"
    assert verify("acme").ok


def test_awkward_values_come_back_as_they_were_hashed() -> None:
    now = clock.now()
    write(
        after={
            "float": 1e22,
            "small": 1e-7,
            "decimal": Decimal("1.10"),
            "time": now,
            "nul": "a\0b",
            "half": "\ud800",
            "none": None,
            "flag": True,
            "number": 10**30,
            "tuple": (1, "x"),
            3: "a key that is no text",
        },
        reason="nul\0",
    )
    stored = AuditEvent.objects.get().after
    assert (stored["decimal"], stored["time"], stored["number"]) == (
        "1.10",
        now.isoformat(),
        10**30,
    )
    assert verify("acme").ok


def test_events_are_filtered() -> None:
    write(project="shop")
    write(verb="member.add", actor=replace(ANNA, id="8", name="bert@test.example"))
    write("other")
    hour = timedelta(hours=1)
    now = clock.now()
    assert events_for("acme").count() == 2
    assert events_for("acme", project="shop").count() == 1
    assert events_for("acme", verb="member").count() == 1
    assert events_for("acme", actor="7").count() == 1
    assert events_for("acme", actor="BERT@test.example").count() == 1
    assert events_for("acme", target="pg-1").count() == 2
    assert events_for("acme", target="pg-2").count() == 0
    assert (
        events_for("acme", since=now - hour).count(),
        events_for("acme", until=now - hour).count(),
    ) == (2, 0)
