"""Instances. A list reads rows as dicts of exactly `ROW`: half the cost of model objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from portal.api.serializers.common import (
    BOOLEAN,
    DECIMAL,
    FREE,
    INTEGER,
    MOMENT,
    TAGS,
    TEXT,
    Json,
    decimal,
    many,
    maybe,
    moment,
    number,
    one_of,
    price,
    ref,
    shape,
)
from portal.api.serializers.operations import operation, operations
from services import registry
from services.instances import endpoints, texts, windows
from services.instances.interruptions import State, Why
from services.instances.operations import open_operations
from services.instances.states import Health, Phase
from services.spec import gettext_noop, promised_availability

if TYPE_CHECKING:
    from services.instances.models import Instance, InstanceEvent, Operation, SpotInterruption
    from services.instances.spare import Spare
    from services.instances.utilisation import Hour
    from services.regions.models import Region
    from services.spec import Credentials, Plan

FIELDS = (
    "id",
    "public_id",
    "name",
    "project__slug",
    "project__organisation__slug",
    "region__code",
    "offering",
    "version",
    "plan",
    "parameters",
    "tags",
    "phase",
    "health",
    "observed_code",
    "needs_attention",
    "endpoints",
    "protected",
    "spot",
    "window_day",
    "window_hour",
    "delete_at",
    "price_hourly",
    "currency",
    "created_at",
    "created_by",
    "updated_at",
    "generation",
)
ROW = ("project_id", *(name for name in FIELDS if not name.startswith("project__")))
_get = attrgetter(*(name.replace("__", ".") for name in FIELDS))

SCHEMAS: dict[str, Json] = {
    "Health": shape({"status": one_of(*Health.values), "message": TEXT}),
    "Endpoint": shape(
        {
            "name": TEXT,
            "protocol": TEXT,
            "host": TEXT,
            "port": INTEGER,
            "uri": {"type": "string", "description": gettext_noop("Without a password.")},
            "tls": BOOLEAN,
            "purpose": TEXT,
        }
    ),
    "Instance": shape(
        {
            "id": TEXT,
            "name": TEXT,
            "organisation": TEXT,
            "project": TEXT,
            "region": TEXT,
            "offering": TEXT,
            "version": TEXT,
            "plan": TEXT,
            "parameters": FREE,
            "tags": TAGS,
            "phase": one_of(*Phase.values),
            "health": ref("Health"),
            "needs_attention": BOOLEAN,
            "operation": maybe(ref("Operation")),
            "endpoints": many(ref("Endpoint")),
            "protected": BOOLEAN,
            "spot": BOOLEAN,
            "window_day": one_of(*windows.DAYS),
            "window_hour": INTEGER,
            "delete_at": maybe(MOMENT),
            "price": maybe(ref("RunningPrice")),
            "sla": maybe({**DECIMAL, "description": gettext_noop("Per cent of a calendar month.")}),
            "created_at": MOMENT,
            "created_by": TEXT,
            "updated_at": MOMENT,
        }
    ),
    "Credentials": shape(
        {
            "username": TEXT,
            "password": TEXT,
            "uri": TEXT,
            "host": TEXT,
            "port": INTEGER,
            "database": TEXT,
            "ca_certificate": TEXT,
            "env": TAGS,
        },
        optional=("database", "ca_certificate"),
    ),
    "Event": shape(
        {
            "at": MOMENT,
            "code": TEXT,
            "operation": maybe(TEXT),
            "version": TEXT,
            "plan": TEXT,
        }
    ),
    "Interruption": shape(
        {
            "state": one_of(*State.values),
            "ended_because": maybe(one_of(*Why.values)),
            "noticed_at": MOMENT,
            "due_at": MOMENT,
            "interrupted_at": maybe(MOMENT),
            "ended_at": maybe(MOMENT),
            "operation": maybe(TEXT),
        }
    ),
    "SpareCapacity": shape(
        {
            "region": TEXT,
            "left_vcpu": DECIMAL,
            "offered_vcpu": maybe(DECIMAL),
            "used_vcpu": maybe(DECIMAL),
            "interrupted": {
                **many(TEXT),
                "description": gettext_noop("The services that were told of it just now."),
            },
        }
    ),
    "Logs": shape({"lines": many(TEXT)}),
    "Metrics": shape(
        {
            "vcpu": {"type": "number"},
            "memory_mib": INTEGER,
            "off_because": maybe(TEXT),
            "hours": many(ref("MetricsHour")),
        }
    ),
    "MetricsHour": shape(
        {
            "start": MOMENT,
            "samples": INTEGER,
            "vcpu": {"type": "number"},
            "vcpu_max": {"type": "number"},
            "memory_mib": INTEGER,
            "memory_mib_max": INTEGER,
            "connections_max": maybe(INTEGER),
        }
    ),
}


def row_of(instance: Instance) -> dict[str, Any]:
    """The row of a list, from a model object."""
    return dict(zip(FIELDS, _get(instance), strict=True))


def instance(row: Mapping[str, Any], open_one: Json | None, agreed: Decimal | None = None) -> Json:
    """`open_one` is the shape of the open operation, `agreed` the price it brings."""
    code = row["observed_code"]
    hourly = row["price_hourly"]
    return {
        "id": row["public_id"],
        "name": row["name"],
        "organisation": row["project__organisation__slug"],
        "project": row["project__slug"],
        "region": row["region__code"],
        "offering": row["offering"],
        "version": row["version"],
        "plan": row["plan"],
        "parameters": row["parameters"],
        "tags": row["tags"],
        "phase": row["phase"],
        "health": {
            "status": row["health"],
            "message": texts.error_text(code, {})[0] if code else "",
        },
        "needs_attention": row["needs_attention"],
        "operation": open_one,
        "endpoints": [
            {**e, "purpose": endpoints.purpose(e["name"], e["protocol"])} for e in row["endpoints"]
        ],
        "protected": row["protected"],
        "spot": row["spot"],
        "window_day": windows.day_called(row["window_day"]),
        "window_hour": row["window_hour"],
        "delete_at": moment(row["delete_at"]),
        "price": price(hourly if hourly is not None else agreed, row["currency"]),
        "sla": None if row["spot"] else _sla(row["offering"], row["plan"]),
        "created_at": moment(row["created_at"]),
        "created_by": row["created_by"],
        "updated_at": moment(row["updated_at"]),
    }


def instances(rows: Sequence[dict[str, Any]], places: Mapping[int, tuple[str, str]]) -> list[Json]:
    """Of rows with `ROW` and `open_one`; `places` holds the slugs of project and organisation by
    the project's key. No query, or two: for the open operations, and for how long such take.
    """
    for row in rows:
        row["project__slug"], row["project__organisation__slug"] = places[row["project_id"]]
    busy = [row["id"] for row in rows if row["open_one"]]
    found = open_operations(busy) if busy else {}
    shapes = dict(zip(found, operations(found.values()), strict=True))
    _sla.cache_clear()  # what is remembered is for one list
    return [instance(row, shapes.get(row["id"]), _agreed(found.get(row["id"]))) for row in rows]


def one_instance(row: Instance, open_one: Operation | None) -> Json:
    return instance(row_of(row), operation(open_one) if open_one else None, _agreed(open_one))


def credentials(found: Credentials) -> Json:
    """Only ever for an answer that no cache keeps."""
    shown: Json = {
        "username": found.username,
        "password": str(found.password),
        "uri": str(found.uri),
        "host": found.host,
        "port": found.port,
        "env": {name: str(value) for name, value in found.env.items()},
    }
    if found.database:
        shown["database"] = found.database
    if found.ca_certificate:
        shown["ca_certificate"] = found.ca_certificate
    return shown


def events(rows: Sequence[InstanceEvent]) -> list[Json]:
    return [
        {
            "at": moment(row.at),
            "code": row.code,
            "operation": row.operation.public_id if row.operation else None,
            "version": row.version,
            "plan": row.plan,
        }
        for row in rows
    ]


def interruptions(rows: Sequence[SpotInterruption]) -> list[Json]:
    return [
        {
            "state": row.state,
            "ended_because": row.why or None,
            "noticed_at": moment(row.noticed_at),
            "due_at": moment(row.due_at),
            "interrupted_at": moment(row.interrupted_at),
            "ended_at": moment(row.ended_at),
            "operation": row.operation.public_id if row.operation else None,
        }
        for row in rows
    ]


def spare_capacity(
    region: Region, found: Spare, *, all_of_it: bool, told: Sequence[SpotInterruption] = ()
) -> Json:
    """How much others use is for staff alone (`all_of_it`)."""
    return {
        "region": region.code,
        "left_vcpu": decimal(found.left),
        "offered_vcpu": decimal(found.offered) if all_of_it else None,
        "used_vcpu": decimal(found.used) if all_of_it else None,
        "interrupted": [row.instance.public_id for row in told],
    }


def metrics(plan: Plan, off_because: str, hours: Sequence[Hour]) -> Json:
    """`plan` is what there is to take."""
    return {
        "vcpu": number(plan.vcpu),
        "memory_mib": plan.memory_mib,
        "off_because": off_because or None,
        "hours": [
            {
                "start": moment(hour.at),
                "samples": hour.samples,
                "vcpu": number(Decimal(hour.cpu) / 1000),
                "vcpu_max": number(Decimal(hour.cpu_max) / 1000),
                "memory_mib": hour.memory,
                "memory_mib_max": hour.memory_max,
                "connections_max": hour.connections_max,
            }
            for hour in hours
        ],
    }


def _agreed(open_one: Operation | None) -> Decimal | None:
    """The price a service will have, while it is being created."""
    stored = open_one.goal.get("price_hourly") if open_one else None
    return Decimal(stored) if stored else None


@lru_cache(maxsize=256)
def _sla(slug: str, plan_id: str) -> str | None:
    """None for what is no longer in the catalogue."""
    try:
        offering = registry.get(slug).offering
        return decimal(promised_availability(offering, offering.plan(plan_id)))
    except KeyError:
        return None
