"""Operations as cards: title, progress, steps, and what can be done about them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from portal.console.badges import BUSY
from portal.kernel import clock, formats
from portal.kernel.actor import Actor
from portal.kernel.errors import Unavailable
from portal.tenancy import access
from portal.tenancy.permissions import Permission
from services.instances import eta, logs, texts
from services.instances.operations import (
    is_cancellable,
    is_retryable,
    point_of_no_return,
    request_of,
    retries_of,
)
from services.instances.states import OPEN, Kind, OperationState

if TYPE_CHECKING:
    from services.instances.models import Instance, Operation

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
    def reason(self) -> str:
        return texts.reason_text(self.operation.reason)

    @property
    def stays_begun(self) -> bool:
        """Whether what failed is still what the service is meant to be."""
        begun = self.operation.kind == Kind.UPGRADE and self.operation.committed_at is not None
        return begun and not self.operation.goal.get("restored")

    @property
    def cancellable(self) -> bool:
        return is_cancellable(self.operation)

    @property
    def retryable(self) -> bool:
        return is_retryable(self.operation)


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


def one(actor: Actor, operation: Operation) -> dict[str, Any]:
    """Context of console/operation.html."""
    held = access.permissions_in(actor, operation.instance.project)
    shown = card(operation)
    return {
        "card": shown,
        "operation": operation,
        "instance": operation.instance,
        "may_manage": Permission.OPERATION_MANAGE in held,
        "may_read_log": Permission.INSTANCE_UPDATE in held,
        "cancel_note": cancel_note(operation),
        "asked_with": request_of(operation),
        "again": retries_of(operation),
    }


def cancel_note(operation: Operation) -> str:
    """Until when it can be cancelled, or since when not; empty once it has ended."""
    if operation.state not in OPEN:
        return ""
    if operation.kind in (Kind.PURGE, Kind.REPAIR):
        return _("It cannot be cancelled.")
    if operation.is_interruption:
        return _("It cannot be cancelled: the region needs its spare capacity.")
    code = point_of_no_return(operation)
    step = texts.step_text(code, {})[0] if code else ""
    if operation.committed_at is not None:
        since = {"time": formats.clock_time(operation.committed_at, seconds=True), "step": step}
        return _("Since %(time)s it can no longer be cancelled: “%(step)s” has begun.") % since
    if operation.cancel_requested_at is not None:
        return _("What was begun is being undone.")
    if not step:
        return _("It can be cancelled until it is done.")
    return _("It can be cancelled until “%(step)s” begins.") % {"step": step}


def log(actor: Actor, operation: Operation) -> dict[str, Any]:
    """Context of console/operation_log.html. Raises: NotPermitted."""
    context = {"operation": operation, "log_open": operation.state in OPEN}
    try:
        part = logs.log_during(actor, operation)
    except Unavailable as error:
        return context | {"log_error": f"{error.text} {error.hint}"}
    return context | {"log": part}


def poll_of(instance: Instance, doing: Card | None) -> int:
    """Seconds until a page of this service should look again, 0 for never.

    The service was read before its operation: one that ended between the two left a service that
    seems busy and nothing that will end.
    """
    return (doing.poll if doing else 0) or int(instance.phase in BUSY)


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
