"""Every error code that the API answers with: its status, and when it comes. Public contract.

Shown at /api/docs/errors/ and in docs/errors.md; a test finds a code that is missing here.
"""

from __future__ import annotations

from portal.kernel.errors import (
    ApprovalNeeded,
    BudgetExceeded,
    Conflict,
    Gone,
    Invalid,
    NotFound,
    NotPermitted,
    OperationOpen,
    PortalError,
    PreconditionFailed,
    QuotaExceeded,
    StaleState,
    TooManyRequests,
    Unavailable,
)
from services.spec import gettext_noop as _

CODES: dict[str, tuple[int, str]] = {
    PortalError.code: (400, _("The request cannot be answered; the detail says why.")),
    "malformed": (400, _("The body is not JSON in UTF-8, or holds what JSON cannot carry.")),
    "invalid-query": (400, _("A query parameter is unknown or has a wrong value.")),
    "invalid-header": (400, _("A header cannot be read.")),
    "bad-cursor": (400, _("The cursor was not made by this list, or is too old.")),
    "organisation-required": (400, _("You are in several organisations: name one.")),
    "not-authenticated": (401, _("There is no token, and nobody is signed in.")),
    "bad-token": (401, _("The token is unknown, revoked or expired.")),
    NotPermitted.code: (403, _("Your role or token does not hold the permission.")),
    "csrf": (403, _("A session was used without its CSRF token.")),
    "second-factor-required": (403, _("The organisation opens to members with a second factor.")),
    "sign-in-too-old": (403, _("A session was used whose sign-in is not recent enough.")),
    "suspended": (403, _("The organisation is suspended: it may only be looked at.")),
    "other-person": (403, _("The invitation is for somebody else.")),
    NotFound.code: (404, _("It does not exist, or you may not see it.")),
    "method-not-allowed": (405, _("This address does not take this method.")),
    Conflict.code: (409, _("The state does not allow it.")),
    StaleState.code: (409, _("Somebody else changed it at the same moment.")),
    OperationOpen.code: (409, _("Another operation is under way; it is in `operation`.")),
    "wrong-phase": (409, _("The service is not in a phase in which this is possible.")),
    "no-spare-capacity": (409, _("The region has no spare capacity for it now.")),
    "already-set": (409, _("A price of spare capacity is set for that hour already.")),
    "protected": (409, _("The service is protected from deletion.")),
    "not-ready": (409, _("The service does not run yet.")),
    "not-supported": (409, _("The service cannot do this where it runs.")),
    "ended": (409, _("The operation has ended already.")),
    "past-point-of-no-return": (409, _("The operation can no longer be cancelled.")),
    "not-retryable": (409, _("The operation cannot be tried again.")),
    "last-owner": (409, _("The organisation would lose its last owner.")),
    "services-live": (409, _("Services are still there; the detail names them.")),
    "member-already": (409, _("The person is a member already.")),
    "invited-already": (409, _("The address has an invitation already.")),
    "asked-already": (409, _("The project asks for more of this quota already.")),
    "decided-already": (409, _("The request was decided or withdrawn already.")),
    "webhook-off": (409, _("The webhook is switched off.")),
    "no-second-factor": (409, _("You would shut yourself out: you have no second factor.")),
    "idempotency-key-in-use": (409, _("The request with this key is still being answered.")),
    Gone.code: (410, _("It was destroyed and cannot be brought back.")),
    PreconditionFailed.code: (412, _("`If-Match` names a version that is no longer the newest.")),
    "too-large": (413, _("The body is larger than 1 MiB, or than 16 MiB of usage.")),
    "unsupported-media-type": (415, _("The body must be `application/json`.")),
    Invalid.code: (422, _("Some fields do not fit; `errors` names each.")),
    BudgetExceeded.code: (422, _("A used-up budget refuses what costs more.")),
    "free-tier-exceeded": (422, _("The free tier does not give that, or is used up.")),
    ApprovalNeeded.code: (422, _("A used-up budget asks for approval of what costs more.")),
    QuotaExceeded.code: (422, _("The quota does not suffice; `quota` says by how much.")),
    "idempotency-key-reused": (422, _("The key was used for another request before.")),
    TooManyRequests.code: (429, _("The rate limit is used up; wait `Retry-After` seconds.")),
    "internal": (500, _("Something broke on our side; it has been logged.")),
    Unavailable.code: (503, _("A part of Polder, or the region, does not answer.")),
    "mail-failed": (503, _("A mail that belongs to the request could not be sent.")),
    "no-price": (503, _("The price list has not been loaded.")),
}

# Codes of one field, in `errors`.
FIELD_CODES = {
    "invalid": _("The value does not fit; the detail says why."),
    "required": _("The field is missing."),
    "unknown-field": _("There is no such field."),
    "wrong-type": _("The value is of another JSON type."),
    "not-a-choice": _("The value is not one of those allowed."),
    "length": _("The value is too long, too short, too many or too few."),
}
