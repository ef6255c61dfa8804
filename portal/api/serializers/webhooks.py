"""Webhooks and their deliveries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from portal.api.serializers.common import (
    BOOLEAN,
    INTEGER,
    MOMENT,
    TEXT,
    Json,
    many,
    maybe,
    moment,
    one_of,
    ref,
    shape,
)
from portal.notifications import delivering, kinds
from services.spec import gettext_noop

if TYPE_CHECKING:
    from portal.notifications.models import Delivery, Webhook

EVENT = one_of(*(kind.code for kind in kinds.for_webhooks()))

SCHEMAS: dict[str, Json] = {
    "Webhook": shape(
        {
            "id": TEXT,
            "project": TEXT,
            "url": TEXT,
            "events": many(TEXT),
            "active": BOOLEAN,
            "disabled_at": maybe(MOMENT),
            "disabled_why": {
                "type": "string",
                "description": gettext_noop("`failing`, or empty when a person switched it off."),
            },
            "failures": {
                "type": "integer",
                "description": gettext_noop("Failed attempts since the last one that went well."),
            },
            "created_by": TEXT,
            "created_at": MOMENT,
            "updated_at": MOMENT,
            "secret": {
                "type": "string",
                "description": gettext_noop("Only when it has just been made."),
            },
        },
        optional=("secret",),
    ),
    "Delivery": shape(
        {
            "id": TEXT,
            "webhook": TEXT,
            "event": shape({"id": TEXT, "type": TEXT, "created_at": MOMENT}),
            "state": one_of("pending", "succeeded", "failed"),
            "attempts": many(ref("DeliveryAttempt")),
            "next_attempt_at": maybe(MOMENT),
            "response_head": {
                "type": "string",
                "description": gettext_noop("The first kilobyte of the last answer."),
            },
            "request_id": {
                "type": "string",
                "description": gettext_noop("`X-Request-Id` of the last attempt."),
            },
            "replay_of": maybe(TEXT),
            "created_at": MOMENT,
            "finished_at": maybe(MOMENT),
        }
    ),
    "DeliveryAttempt": shape(
        {
            "at": MOMENT,
            "status": maybe(INTEGER),
            "error": {"type": "string", "description": gettext_noop("Empty when it went well.")},
            "duration_ms": INTEGER,
        }
    ),
}


def webhook(row: Webhook, secret: str = "") -> Json:
    """`secret` is there once: when it was made."""
    shown: Json = {
        "id": row.public_id,
        "project": row.project.slug,
        "url": row.url,
        "events": row.kinds,
        "active": row.active,
        "disabled_at": moment(row.disabled_at),
        "disabled_why": row.disabled_why,
        "failures": row.failures,
        "created_by": row.created_by,
        "created_at": moment(row.created_at),
        "updated_at": moment(row.updated_at),
    }
    return shown | {"secret": secret} if secret else shown


def webhooks(rows: Sequence[Webhook]) -> list[Json]:
    return [webhook(row) for row in rows]


def delivery(row: Delivery) -> Json:
    return {
        "id": row.public_id,
        "webhook": row.webhook.public_id,
        "event": {
            "id": row.entry.public_id,
            "type": row.entry.kind,
            "created_at": moment(row.entry.at),
        },
        "state": row.state,
        "attempts": [
            {
                "at": one["at"],
                "status": one["status"],
                "error": one["error"],
                "duration_ms": one["ms"],
            }
            for one in row.tries
        ],
        "next_attempt_at": moment(row.next_attempt_at),
        "response_head": row.response_head,
        "request_id": delivering.request_name(row),
        "replay_of": row.replay_of.public_id if row.replay_of else None,
        "created_at": moment(row.created_at),
        "finished_at": moment(row.finished_at),
    }


def deliveries(rows: Sequence[Delivery]) -> list[Json]:
    return [delivery(row) for row in rows]
