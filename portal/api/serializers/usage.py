"""Usage: as meters report it, and as it is read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from billing.usage import cloudevents, ingestion
from billing.usage.queries import day_of
from portal.api.serializers.common import (
    DECIMAL,
    INTEGER,
    MOMENT,
    TEXT,
    Json,
    decimal,
    many,
    maybe,
    moment,
    one_of,
    shape,
)
from services.spec import gettext_noop

if TYPE_CHECKING:
    from billing.usage.ingestion import Taken
    from billing.usage.queries import Used

_NAMES = ("specversion", "type", "source", "id", "subject", "data")
EVENTS: Json = many(
    {
        "type": "object",
        "properties": {
            "specversion": one_of("1.0"),
            "type": one_of(cloudevents.TYPE),
            "source": TEXT,
            "id": TEXT,
            "subject": TEXT,
            "data": {
                "type": "object",
                "properties": {"meter": TEXT, "start": MOMENT, "end": MOMENT, "quantity": DECIMAL},
                "required": ["meter", "start", "end", "quantity"],
                "additionalProperties": False,
            },
        },
        "required": list(_NAMES),
    }
)

SCHEMAS: dict[str, Json] = {
    "UsageTaken": shape(
        {
            "accepted": INTEGER,
            "duplicate": INTEGER,
            "late": INTEGER,
            "rejected": many(
                shape({"index": INTEGER, "code": one_of(*ingestion.CODES), "detail": TEXT})
            ),
        }
    ),
    "Usage": shape(
        {
            "start": MOMENT,
            "end": MOMENT,
            "instance": TEXT,
            "project": TEXT,
            "meter": TEXT,
            "unit": one_of("second", "GiB", "one", "euro"),
            "quantity": DECIMAL,
            "spot_factor": {
                **maybe(DECIMAL),
                "description": gettext_noop(
                    "What it is charged at of the list price, where it ran on spare capacity."
                ),
            },
        }
    ),
}


def taken(found: Taken) -> Json:
    return {
        "accepted": found.accepted,
        "duplicate": found.duplicate,
        "late": found.late,
        "rejected": [
            {"index": fault.index, "code": fault.code, "detail": fault.detail}
            for fault in found.rejected
        ],
    }


def days(rows: Sequence[Any]) -> list[Json]:
    return used([day_of(row) for row in rows])


def used(rows: Sequence[Used]) -> list[Json]:
    return [
        {
            "start": moment(row.start),
            "end": moment(row.end),
            "instance": row.instance,
            "project": row.project,
            "meter": row.meter,
            "unit": row.unit,
            "quantity": decimal(row.quantity),
            "spot_factor": None if row.spot_factor is None else decimal(row.spot_factor),
        }
        for row in rows
    ]
