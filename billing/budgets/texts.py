"""Words for what budgets do, in the reader's language."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

_ACTIONS = {
    "notify": gettext_noop("tell"),
    "approve": gettext_noop("tell and ask for approval"),
    "block": gettext_noop("tell and refuse orders"),
    "pause": gettext_noop("tell and pause what is tagged"),
}
_CONSEQUENCES = {
    "approve": gettext_noop("What costs more needs approval from now on."),
    "block": gettext_noop("What costs more is refused from now on."),
    "pause": gettext_noop("Services that carry the budget's tag are being paused."),
}
_KINDS = {"actual": gettext_noop("spent"), "forecast": gettext_noop("expected")}


def action_label(action: str) -> str:
    return _(_ACTIONS[action]) if action in _ACTIONS else action


def kind_label(kind: str) -> str:
    return _(_KINDS[kind]) if kind in _KINDS else kind


def consequence(action: str) -> str:
    """What follows a threshold beside telling; empty for nothing."""
    return _(_CONSEQUENCES[action]) if action in _CONSEQUENCES else ""
