"""The order form: what was chosen, what it costs, what is left of the quota."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from services.spec import Plan


@dataclass(frozen=True, slots=True)
class PlanRow:
    """A plan as a row of options."""

    plan: Plan
    monthly: Any
    hourly: Any
    sla: str
    ok: bool
    reason: str
