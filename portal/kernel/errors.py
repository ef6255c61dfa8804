"""Every error, in one tree.

* PortalError           a person may see it: what happened, what it means, what to do
  - NotFound            404  also for "exists, but is not yours"
  - NotPermitted        403
  - Invalid             422  one message per field
  - Conflict            409  the state does not allow it
    + StaleState        another worker moved it first
    + OperationOpen     another operation is running; carries its public id
  - PreconditionFailed  412  `If-Match` names an old version
  - Gone                410  no longer possible
  - QuotaExceeded       422  wanted, left, who may raise it
  - BudgetExceeded      422  a used-up budget refuses new orders; who may raise it
  - ApprovalNeeded      422  a budget lets orders through only when somebody approves
  - TooManyRequests     429  a rate limit; `retry_after` in seconds
  - Unavailable         503  a part of Polder does not answer
* BackendError          never reaches a person as it is
  - Temporary           tried again after `retry_after` seconds
  - Permanent           ends the operation; `code` and `params` name a text, `detail` is the
  engine's own word

`code` is public contract: stable, documented in docs/errors.md, never reused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class PortalError(Exception):
    """`text` says what happened and what it means, `hint` what to do."""

    code = "error"
    status = 400

    def __init__(self, text: str, *, hint: str = "", code: str = "", **params: Any) -> None:
        super().__init__(text)
        self.text = text
        self.hint = hint
        self.code = code or type(self).code
        self.params = params

    @property
    def said(self) -> str:
        """`text` for a page that has no fields to put messages at."""
        return self.text


class NotFound(PortalError):
    code, status = "not-found", 404


class NotPermitted(PortalError):
    code, status = "not-permitted", 403


class Invalid(PortalError):
    """`fields` maps a dotted field name (`parameters.max_connections`) to its message."""

    code, status = "invalid", 422

    def __init__(self, fields: Mapping[str, str], *, text: str = "", hint: str = "") -> None:
        super().__init__(text or "; ".join(f"{k}: {v}" for k, v in fields.items()), hint=hint)
        self.fields = dict(fields)

    @property
    def said(self) -> str:
        return " ".join(self.fields.values())


class Conflict(PortalError):
    code, status = "conflict", 409


class StaleState(Conflict):
    code = "stale-state"


class OperationOpen(Conflict):
    """`params["operation"]` is the public id of the open operation."""

    code = "operation-open"


class PreconditionFailed(PortalError):
    code, status = "precondition-failed", 412


class Gone(PortalError):
    code, status = "gone", 410


class QuotaExceeded(PortalError):
    code, status = "quota-exceeded", 422


class BudgetExceeded(PortalError):
    code, status = "budget-exceeded", 422


class ApprovalNeeded(PortalError):
    code, status = "approval-needed", 422


class TooManyRequests(PortalError):
    """`params["retry_after"]` is in seconds."""

    code, status = "too-many-requests", 429


class Unavailable(PortalError):
    code, status = "unavailable", 503


class BackendError(Exception):
    """Raised by backends only; the operations layer turns it into a state."""

    def __init__(self, code: str, *, detail: str = "", **params: Any) -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.params = params
        self.detail = detail


class Temporary(BackendError):
    """Try again after `retry_after` seconds."""

    def __init__(
        self, code: str, *, retry_after: float = 2.0, detail: str = "", **params: Any
    ) -> None:
        super().__init__(code, detail=detail, **params)
        self.retry_after = retry_after


class Permanent(BackendError):
    """Trying again cannot help."""
