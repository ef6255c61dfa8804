"""State as people see it: a word, a shape and a colour, in that order."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise

from services.instances.states import Health, OperationState, Phase


@dataclass(frozen=True, slots=True)
class Look:
    """`css` is a class of `.badge`: ok, busy, degraded, bad, hollow, none."""

    css: str
    word: str | Promise


BUSY = frozenset({Phase.CREATING, Phase.UPDATING, Phase.PAUSING, Phase.RESUMING, Phase.DELETING})
_PHASES = {
    Phase.RUNNING: "ok",
    Phase.PAUSED: "hollow",
    Phase.IN_BIN: "hollow",
    Phase.DELETED: "none",
    Phase.FAILED: "bad",
} | dict.fromkeys(BUSY, "busy")
_ILL = {Health.DEGRADED: "degraded", Health.DOWN: "bad"}
_OPERATIONS = {
    OperationState.PENDING: "hollow",
    OperationState.RUNNING: "busy",
    OperationState.SUCCEEDED: "ok",
    OperationState.FAILED: "bad",
    OperationState.CANCELLED: "hollow",
}


def look_of_service(phase: str, health: str = "") -> Look:
    """Illness shows only while the service should be running; otherwise the phase says more."""
    known = Phase(phase)
    if known is Phase.RUNNING and health in _ILL:
        return Look(_ILL[Health(health)], Health(health).label)
    return Look(_PHASES[known], known.label)


def look_of_operation(state: str) -> Look:
    known = OperationState(state)
    return Look(_OPERATIONS[known], known.label)
