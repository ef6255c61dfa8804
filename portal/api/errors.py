"""Errors as `application/problem+json` (RFC 9457): the application's own tree, the framework's, and
what nobody expected.
"""

from __future__ import annotations

import logging
import math
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, UnreadablePostError
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from rest_framework import exceptions as drf

from portal.api.answers import PROBLEM, json_response
from portal.api.serializers import operations
from portal.kernel.errors import (
    Invalid,
    NotFound,
    NotPermitted,
    OperationOpen,
    PortalError,
    QuotaExceeded,
    TooManyRequests,
    Unavailable,
)
from portal.kernel.refusals import note_refusal
from portal.tenancy.permissions import Permission, roles_with
from services.instances.operations import operation_for

logger = logging.getLogger("portal.api")
Fault = dict[str, str]


class Malformed(PortalError):
    """The body is no JSON that we read."""

    code, status = "malformed", 400


class InvalidQuery(PortalError):
    """Query parameters; `errors` names each as `?name`."""

    code, status = "invalid-query", 400

    def __init__(self, errors: list[Fault], *, code: str = "") -> None:
        super().__init__(
            " ".join(fault["detail"] for fault in errors),
            hint=_("See /api/docs/ for the parameters of this address."),
            code=code,
        )
        self.errors = errors


class InvalidBody(PortalError):
    """Fields of the body; `errors` points at each."""

    code, status = "invalid", 422

    def __init__(self, errors: list[Fault]) -> None:
        said = "; ".join(f"{fault['pointer'] or '/'}: {fault['detail']}" for fault in errors)
        super().__init__(said, hint=_("Correct the fields that “errors” points at."))
        self.errors = errors


class InvalidHeader(PortalError):
    code, status = "invalid-header", 400


class UnsupportedMediaType(PortalError):
    code, status = "unsupported-media-type", 415


class TooLarge(PortalError):
    code, status = "too-large", 413


class _NotAuthenticated(PortalError):
    code, status = "not-authenticated", 401


class _Internal(PortalError):
    code, status = "internal", 500


def problem_response(error: Exception, context: dict[str, Any]) -> HttpResponse:
    """The framework's exception handler."""
    request = context["request"]
    known = _portal_error(error)
    if known.status >= 500 and not isinstance(error, PortalError):
        logger.error("api.failed", exc_info=error, extra={"path": request.path})
    actor = _actor(request)
    note_refusal(known, request, getattr(actor, "user_id", None))
    response = problem(known, getattr(request, "_request", request), actor)
    if known.status == 401:
        response["WWW-Authenticate"] = 'Bearer realm="Polder"'
    if isinstance(error, drf.MethodNotAllowed):
        response["Allow"] = ", ".join(context["view"].allowed_methods)
    return response


def problem(
    error: PortalError, request: HttpRequest | None = None, actor: Any = None
) -> HttpResponse:
    """The answer for an error of ours."""
    body: dict[str, Any] = {
        "type": f"{settings.POLDER_URL}/api/docs/errors/#{error.code}",
        "title": HTTPStatus(error.status).phrase,
        "status": error.status,
        "detail": error.text,
        "code": error.code,
        "hint": error.hint,
        "request_id": getattr(request, "id", "-"),
        "errors": _faults(error),
        **_extras(error, actor),
    }
    headers = {"Cache-Control": "no-store"}
    if isinstance(error, TooManyRequests | Unavailable):
        headers["Retry-After"] = str(math.ceil(error.params.get("retry_after", 5)))
    return json_response(body, error.status, headers=headers, content_type=PROBLEM)


def outside_a_view(request: HttpRequest, error: BaseException) -> HttpResponse:
    """What failed before or behind a view of the API."""
    return problem(_portal_error(error), request)


@csrf_exempt
def missing(request: HttpRequest) -> HttpResponse:
    """Whatever stands at no address of ours."""
    return problem(_portal_error(Http404()), request)


def pointer(dotted: str) -> str:
    """A JSON pointer from a dotted field name: `parameters.max_connections`."""
    return "/" + dotted.replace("~", "~0").replace("/", "~1").replace(".", "/", 1)


def _faults(error: PortalError) -> list[Fault]:
    if isinstance(error, InvalidQuery | InvalidBody):
        return error.errors
    if isinstance(error, Invalid):
        return [
            {"pointer": pointer(name), "code": "invalid", "detail": text}
            for name, text in error.fields.items()
        ]
    return []


def _extras(error: PortalError, actor: Any) -> dict[str, Any]:
    """What a program needs to go on: the open operation, or the numbers of the quota."""
    if isinstance(error, OperationOpen) and actor is not None:
        try:
            found = operation_for(actor, error.params["operation"])
        except PortalError:
            return {}
        return {"operation": operations.operation(found)}
    if isinstance(error, QuotaExceeded):
        who = [role.value for role in roles_with(Permission.QUOTA_REQUEST)]
        return {"quota": {**error.params, "raised_by": who}}
    return {}


def _actor(request: Any) -> Any:
    """Known only when the caller was let in: asking again would raise again."""
    return getattr(getattr(request, "_user", None), "actor", None)


def _portal_error(error: BaseException) -> PortalError:
    if isinstance(error, PortalError):
        return error
    if isinstance(error, OperationalError | InterfaceError):
        return Unavailable(
            _("Polder cannot reach its database right now. Services keep running."),
            hint=_("Try again in a few seconds."),
        )
    if isinstance(error, RequestDataTooBig):
        return TooLarge(_("The body is larger than 1 MiB."), hint=_("Send less."))
    if isinstance(error, SuspiciousOperation | UnreadablePostError):
        return Malformed(_("The request could not be read."), hint=_("Send it again."))
    if isinstance(error, PermissionDenied):
        return NotPermitted(_("This is not allowed."), hint=_("See /api/docs/."))
    if isinstance(error, Http404):
        return NotFound(_("There is nothing at this address."), hint=_("See /api/docs/."))
    if isinstance(error, drf.APIException):
        return _framework_error(error)
    return _Internal(
        _("Polder met an error that it did not expect. It has been logged."),
        hint=_("Try again. If it stays, tell the operator the request id."),
    )


def _framework_error(error: drf.APIException) -> PortalError:
    text = str(error.detail)
    if isinstance(error, drf.AuthenticationFailed):
        return _NotAuthenticated(text, hint=_("Create another token."), code="bad-token")
    if isinstance(error, drf.NotAuthenticated):
        return _NotAuthenticated(
            _("This needs a token, and none was sent."),
            hint=_("Send “Authorization: Bearer <token>”."),
        )
    if isinstance(error, drf.PermissionDenied):
        code = "csrf" if error.get_codes() == "csrf" else "not-permitted"
        known = PortalError(text, hint=_("Use a token, or send the CSRF token."), code=code)
        known.status = 403
        return known
    if isinstance(error, drf.MethodNotAllowed):
        known = PortalError(text, hint=_("See /api/docs/."), code="method-not-allowed")
        known.status = 405
        return known
    known = PortalError(text, hint=_("See /api/docs/."))
    known.status = error.status_code
    return known
