"""What every answer carries: a request id and the content security policy."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from portal.kernel.context import request_id

_GIVEN = re.compile(r"[A-Za-z0-9._-]{8,64}")


class RequestId:
    """`request.id`, the `X-Request-Id` header of the answer and of every log line. A well-formed id
    that a proxy sent is kept."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-Id", "")
        ident = given if _GIVEN.fullmatch(given) else secrets.token_hex(8)
        request.id = ident  # type: ignore[attr-defined]  # read by errors, audit and templates
        token = request_id.set(ident)
        try:
            response = self.get_response(request)
        finally:
            request_id.reset(token)
        response["X-Request-Id"] = ident
        return response


class ContentSecurityPolicy:
    """No inline script, no inline style, nothing from elsewhere: the same policy for every page."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.setdefault("Content-Security-Policy", settings.CONTENT_SECURITY_POLICY)
        return response
