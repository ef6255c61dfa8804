"""What every answer carries: a request id, the content security policy, its language."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.locale import LocaleMiddleware
from django.utils import translation
from django.utils.cache import patch_vary_headers

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


class ReadersLanguage(LocaleMiddleware):
    """The language that a person has set, else that of the cookie, else what the browser asks for.

    Only a request with a session is asked whose it is: pages for visitors stay free of queries.
    """

    def process_request(self, request: HttpRequest) -> None:
        super().process_request(request)
        if settings.SESSION_COOKIE_NAME not in request.COOKIES:
            return
        chosen = getattr(request.user, "language", "")
        if chosen in dict(settings.LANGUAGES):
            translation.activate(chosen)
            request.LANGUAGE_CODE = chosen

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        answer = super().process_response(request, response)
        patch_vary_headers(answer, ["Cookie"])
        return answer
