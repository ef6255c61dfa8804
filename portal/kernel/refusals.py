"""Refusals in the log: who tried what they may not, and who asks too often."""

from __future__ import annotations

import logging
from typing import Any

from portal.kernel.errors import NotPermitted, PortalError, TooManyRequests

logger = logging.getLogger("portal.access")


def note_refusal(error: PortalError, request: Any, user: int | None) -> None:
    """One line for a refusal by right or by rate. It names the view, not the address: addresses of
    invitations hold a secret.
    """
    if isinstance(error, NotPermitted | TooManyRequests):
        event = "access.refused" if isinstance(error, NotPermitted) else "rate.exceeded"
        match = getattr(request, "resolver_match", None)
        view = getattr(match, "view_name", "-")
        logger.warning(event, extra={"code": error.code, "user": user or "-", "view": view})
