"""Operations as cards: title, progress, steps, and what can be done about them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from portal.kernel import clock, formats
from services.instances import eta, queries, texts
from services.instances.states import OPEN, OperationState

if TYPE_CHECKING:
    from services.instances.models import Operation

_YOUNG = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Step:
    """As <c-steps> draws it; `state` is done, now, failed or todo."""

    text: str
    note: str
    state: str
    at: str


@dataclass(frozen=True, slots=True)
class Card:
    """One operation. `poll` is the seconds until the page should look again; 0 once it has
    ended.
    """

    operation: Operation
    title: str
    percent: int
    seconds_left: int | None
    steps: list[Step]
    took: timedelta | None
    error: str
    hint: str
    poll: int

    @property
    def is_open(self) -> bool:
        return self.operation.state in OPEN

    @property
    def cancellable(self) -> bool:
        return queries.is_cancellable(self.operation)

    @property
    def retryable(self) -> bool:
        return queries.is_retryable(self.operation)


def card(operation: Operation, usual: Mapping[eta.Sort, float | None] | None = None) -> Card:
    """`usual` is what `eta.usual_seconds` said, for a list."""
    percent, seconds = eta.progress(operation, usual)
    error = hint = ""
    if operation.error_code:
        error, hint = texts.error_text(operation.error_code, operation.error_params)
    ended = operation.finished_at
    return Card(
        operation=operation,
        title=texts.operation_title(operation.kind, operation.instance.name),
        percent=percent,
        seconds_left=seconds,
        steps=[_step(one, operation.state) for one in operation.steps],
        took=ended - operation.created_at if ended else None,
        error=error,
        hint=hint,
        poll=_poll(operation),
    )


def cards(operations: Iterable[Operation]) -> list[Card]:
    """At most one query, for how long such operations usually take."""
    rows = list(operations)
    usual = eta.usual_seconds({eta.sort_of(row) for row in rows if row.state in OPEN})
    return [card(row, usual) for row in rows]


def _poll(operation: Operation) -> int:
    """Quick while it is young, then slower: most operations take seconds."""
    if operation.state not in OPEN:
        return 0
    return 1 if clock.now() - operation.created_at < _YOUNG else 5


def _step(step: Mapping[str, Any], state: str) -> Step:
    text, note = texts.step_text(step["code"], step["params"])
    if step["percent"]:
        note = f"{note} · {step['percent']} %".removeprefix(" · ")
    at = step["finished"] or step["started"]
    shown = formats.clock_time(datetime.fromisoformat(at), seconds=True) if at else ""
    return Step(text, note, _step_state(step, state), shown)


def _step_state(step: Mapping[str, Any], state: str) -> str:
    if step["finished"]:
        return "done"
    if not step["started"]:
        return "todo"
    return "failed" if state == OperationState.FAILED else "now" if state in OPEN else "todo"
