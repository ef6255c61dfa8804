"""Operations, with the words for their steps and errors in the reader's language."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

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
from services.instances import eta, texts
from services.instances.operations import is_cancellable, is_retryable
from services.instances.states import OPEN, Kind, Lane, OperationState

if TYPE_CHECKING:
    from services.instances.models import Operation

_S = OperationState
STATES = tuple(_S.values)
KINDS = tuple(Kind.values)

SCHEMAS: dict[str, Json] = {
    "Step": shape(
        {
            "code": TEXT,
            "text": TEXT,
            "state": one_of(*STATES),
            "started_at": maybe(MOMENT),
            "finished_at": maybe(MOMENT),
            "detail": TEXT,
        }
    ),
    "Operation": shape(
        {
            "id": TEXT,
            "instance": TEXT,
            "kind": one_of(*KINDS),
            "lane": one_of(*Lane.values),
            "retry_of": maybe(TEXT),
            "state": one_of(*STATES),
            "steps": many(ref("Step")),
            "progress": {"type": "integer", "minimum": 0, "maximum": 100},
            "eta_seconds": maybe(INTEGER),
            "error": maybe(ref("OperationError")),
            "requested_by": TEXT,
            "created_at": MOMENT,
            "started_at": maybe(MOMENT),
            "finished_at": maybe(MOMENT),
            "retryable": BOOLEAN,
            "cancellable": BOOLEAN,
        }
    ),
    "OperationError": shape({"code": TEXT, "text": TEXT, "hint": TEXT, "detail": TEXT}),
}


def operation(row: Operation, usual: Mapping[eta.Sort, float | None] | None = None) -> Json:
    """`usual` is what `eta.usual_seconds` said, for a list."""
    done, seconds = eta.progress(row, usual)
    return {
        "id": row.public_id,
        "instance": row.instance.public_id,
        "kind": row.kind,
        "lane": row.lane,
        "retry_of": row.retry_of.public_id if row.retry_of else None,
        "state": row.state,
        "steps": [_step(one, row.state) for one in row.steps],
        "progress": done,
        "eta_seconds": seconds,
        "error": _error(row),
        "requested_by": row.requested_by,
        "created_at": moment(row.created_at),
        "started_at": moment(row.started_at),
        "finished_at": moment(row.finished_at),
        "retryable": is_retryable(row),
        "cancellable": is_cancellable(row),
    }


def operations(rows: Iterable[Operation]) -> list[Json]:
    """At most one query, for how long such operations usually take."""
    found = list(rows)
    usual = eta.usual_seconds({eta.sort_of(row) for row in found if row.state in OPEN})
    return [operation(row, usual) for row in found]


def _error(row: Operation) -> Json | None:
    if not row.error_code:
        return None
    text, hint = texts.error_text(row.error_code, row.error_params)
    return {"code": row.error_code, "text": text, "hint": hint, "detail": row.error_detail}


def _step(step: Mapping[str, Any], state: str) -> Json:
    text, detail = texts.step_text(step["code"], step["params"])
    return {
        "code": step["code"],
        "text": text,
        "state": _step_state(step, state),
        "started_at": _stored(step["started"]),
        "finished_at": _stored(step["finished"]),
        "detail": detail,
    }


def _step_state(step: Mapping[str, Any], state: str) -> str:
    """Of the step: that of the operation while (and when) it stopped there."""
    if step["finished"]:
        return _S.SUCCEEDED.value
    if not step["started"]:
        return _S.PENDING.value if state in OPEN else _S.CANCELLED.value
    return state


def _stored(text: str | None) -> str | None:
    """A time as a step keeps it."""
    return moment(datetime.fromisoformat(text)) if text else None
