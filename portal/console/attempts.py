"""What a form does: an action, or what is wrong with what was typed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from portal.kernel.errors import Conflict, Invalid, TooManyRequests

Made = TypeVar("Made")
FORM = "form"


def attempt(action: Callable[[], Made]) -> tuple[Made | None, dict[str, str]]:
    """What `action` made, or messages by field; under FORM stands what concerns no field alone.

    Whoever may not do it at all gets an error page: NotPermitted, NotFound and Gone go through.
    """
    try:
        return action(), {}
    except Invalid as error:
        return None, error.fields
    except (Conflict, TooManyRequests) as error:
        return None, {FORM: f"{error.text} {error.hint}".strip()}
