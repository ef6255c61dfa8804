"""Small parts of every shape: times, money, decimals, and the words for JSON Schema."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from portal.kernel.money import HOURS_PER_MONTH
from services.spec import gettext_noop

Json = dict[str, Any]

TEXT: Json = {"type": "string"}
BOOLEAN: Json = {"type": "boolean"}
INTEGER: Json = {"type": "integer"}
MOMENT: Json = {"type": "string", "format": "date-time"}
DAY: Json = {"type": "string", "format": "date"}
DECIMAL: Json = {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?$"}
TAGS: Json = {"type": "object", "additionalProperties": {"type": "string"}}
FREE: Json = {"type": "object"}


def ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def maybe(schema: Json) -> Json:
    """Or null."""
    if "$ref" in schema or "enum" in schema:
        return {"anyOf": [schema, {"type": "null"}]}
    return {**schema, "type": [schema["type"], "null"]}


def many(schema: Json) -> Json:
    return {"type": "array", "items": schema}


def one_of(*words: str) -> Json:
    return {"type": "string", "enum": list(words)}


def shape(fields: Mapping[str, Json], *, optional: tuple[str, ...] = ()) -> Json:
    """An object of an answer: exactly these fields, each of them there unless `optional`."""
    return {
        "type": "object",
        "properties": dict(fields),
        "required": [name for name in fields if name not in optional],
        "additionalProperties": False,
    }


def body(fields: Mapping[str, Json], *, required: tuple[str, ...] = (), least: int = 0) -> Json:
    """An object that is sent: these fields and no other."""
    schema: Json = {
        "type": "object",
        "properties": dict(fields),
        "required": list(required),
        "additionalProperties": False,
    }
    if not required:
        del schema["required"]
    return schema | ({"minProperties": least} if least else {})


def moment(value: datetime | None) -> str | None:
    """RFC 3339 in UTC with `Z`, to the millisecond."""
    if value is None:
        return None
    return f"{value.astimezone(UTC).isoformat(timespec='milliseconds')[:-6]}Z"


def decimal(value: Decimal) -> str:
    """Exact, without zeros that say nothing."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def money(amount: Decimal, currency: str) -> Json:
    return {"amount": decimal(amount), "currency": currency}


def price(hourly: Decimal | None, currency: str) -> Json | None:
    """Net, an hour and a month of 730 hours."""
    if hourly is None:
        return None
    return {
        "hourly": money(hourly, currency),
        "monthly_estimate": money(hourly * HOURS_PER_MONTH, currency),
    }


def number(value: Decimal) -> int | float:
    """A quantity (never money): 2, or 0.5."""
    return int(value) if value == value.to_integral_value() else float(value)


SCHEMAS: dict[str, Json] = {
    "Money": shape({"amount": DECIMAL, "currency": {"type": "string", "pattern": "^[A-Z]{3}$"}}),
    "RunningPrice": shape({"hourly": ref("Money"), "monthly_estimate": ref("Money")}),
    "Fault": shape(
        {
            "pointer": {
                "type": "string",
                "description": gettext_noop(
                    "A JSON pointer into the body, or `?name` for a query parameter."
                ),
            },
            "code": TEXT,
            "detail": TEXT,
        }
    ),
    "Problem": shape(
        {
            "type": {"type": "string", "format": "uri"},
            "title": TEXT,
            "status": INTEGER,
            "detail": TEXT,
            "code": TEXT,
            "hint": TEXT,
            "request_id": TEXT,
            "errors": many(ref("Fault")),
            "operation": ref("Operation"),
            "quota": shape(
                {"name": TEXT, "wanted": DECIMAL, "left": DECIMAL, "raised_by": many(TEXT)}
            ),
        },
        optional=("operation", "quota"),
    ),
}
