"""What every request and answer carries: the client's address, a request id, the content security
policy, who may keep it, its language.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from ipaddress import ip_address

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.locale import LocaleMiddleware
from django.utils import translation
from django.utils.cache import patch_vary_headers

from portal.kernel.context import request_id

_GIVEN = re.compile(r"[A-Za-z0-9._-]{8,64}")


class ClientAddress:
    """`REMOTE_ADDR` is that of the client, also behind `POLDER_TRUSTED_PROXIES` proxies. Each of
    them adds the address it saw at the end of `X-Forwarded-For`; what stands before came from who
    knows whom. Without proxies the header counts for nothing.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        proxies: int = settings.POLDER_TRUSTED_PROXIES
        seen = [part.strip() for part in request.headers.get("X-Forwarded-For", "").split(",")]
        if 0 < proxies <= len(seen) and _is_address(seen[-proxies]):
            request.META["REMOTE_ADDR"] = seen[-proxies]
        return self.get_response(request)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


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
    """No inline script, no inline style, nothing from elsewhere: one policy for every page, and one
    for files.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        is_file = request.path.startswith(settings.STATIC_URL) and response.status_code == 200
        policy = (
            settings.CONTENT_SECURITY_POLICY_OF_FILES
            if is_file
            else settings.CONTENT_SECURITY_POLICY
        )
        response.setdefault("Content-Security-Policy", policy)
        return response


class PersonalPages:
    """No cache keeps what somebody saw who has a session, the browser's own included: it would show
    it after they have signed out. The API says for itself what may be kept.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        name = settings.SESSION_COOKIE_NAME
        personal = name in request.COOKIES or name in response.cookies
        if personal and not request.path.startswith("/api/v1/"):
            response["Cache-Control"] = "private, no-store"
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
