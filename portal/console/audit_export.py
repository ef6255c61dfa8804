"""The audit log to take away: JSON lines and CSV, line by line."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from datetime import UTC
from io import StringIO
from itertools import islice
from typing import TYPE_CHECKING, Any

from portal.tenancy import queries as tenancy

if TYPE_CHECKING:
    from portal.audit.models import AuditEvent

COLUMNS = (
    "sequence",
    "at",
    "actor_kind",
    "actor",
    "on_behalf_of",
    "address",
    "token",
    "request_id",
    "verb",
    "target_kind",
    "target",
    "project",
    "before",
    "after",
    "reason",
    "previous_hash",
    "hash",
)
TYPES = {"jsonl": "application/x-ndjson", "csv": "text/csv; charset=utf-8"}
_BATCH = 500
# What a spreadsheet takes for a formula, or for the beginning of one.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def lines(events: Iterable[AuditEvent], kind: str) -> Iterator[str]:
    """`kind` is a key of TYPES."""
    shaped = _shaped(events)
    return _csv(shaped) if kind == "csv" else (f"{_json(row)}\n" for row in shaped)


def _shaped(events: Iterable[AuditEvent]) -> Iterator[dict[str, Any]]:
    """One query a batch: the trail keeps the database keys of members, which stay here."""
    rest = iter(events)
    while batch := list(islice(rest, _BATCH)):
        people = tenancy.emails_of(int(e.target) for e in batch if e.target.isdigit())
        for event in batch:
            target = people.get(int(event.target), "") if event.target.isdigit() else event.target
            yield _shape(event, target)


def _shape(event: AuditEvent, target: str) -> dict[str, Any]:
    values = {
        "at": f"{event.at.astimezone(UTC).isoformat(timespec='microseconds')[:-6]}Z",
        "actor": event.actor_name,
        "target": target,
    }
    return {name: values.get(name, getattr(event, name, "")) for name in COLUMNS}


def _csv(rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    buffer = StringIO()
    writer = csv.writer(buffer)
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow([_cell(value) for value in row.values()])
        yield _taken(buffer)
    yield _taken(buffer)


def _taken(buffer: StringIO) -> str:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text


def _cell(value: Any) -> str:
    """A quotation mark before what a spreadsheet would run: a name can be `=HYPERLINK(…)`."""
    text = _json(value) if isinstance(value, dict) else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
