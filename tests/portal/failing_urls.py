"""Polder's addresses, and some that fail in one way each: for the tests of error pages."""

from __future__ import annotations

from collections.abc import Callable

from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path

from portal.api.base import View
from portal.api.contract import contract
from portal.conf import handlers
from portal.conf import urls as real
from portal.console import errors as pages
from portal.kernel import errors

FAILURES: dict[str, Callable[[], Exception]] = {
    "400": lambda: SuspiciousOperation("a broken cookie"),
    "403": PermissionDenied,
    "403-ours": lambda: errors.NotPermitted("You may only look.", hint="Ask Ada."),
    "404": Http404,
    "404-ours": lambda: errors.NotFound("There is no service pg-1.", hint="See the list."),
    "409": lambda: errors.Conflict("It is being resized.", hint="Wait until it is done."),
    "429": lambda: errors.TooManyRequests("That was often.", hint="Wait.", retry_after=41.5),
    "500": lambda: ZeroDivisionError("a secret 0xC0FFEE"),
    "503": lambda: OperationalError("connection to 10.0.0.7 refused"),
    "503-ours": lambda: errors.Unavailable("The region is away.", hint="Wait.", retry_after=7),
}


def fail(request: HttpRequest, kind: str) -> HttpResponse:
    raise FAILURES[kind]()


class Fails(View):
    @contract("Fail", {200: "Region"}, public=True)
    def get(self, request: object, kind: str) -> HttpResponse:
        raise FAILURES[kind]()


def fail_early(request: HttpRequest, kind: str) -> HttpResponse:
    """As a middleware would: no view of the API is there to answer."""
    raise FAILURES[kind]()


urlpatterns = [
    path("fail/<str:kind>/", fail),
    path("api/v1/fail/<str:kind>", Fails.as_view()),
    path("api/v1/fail-early/<str:kind>", fail_early),
    *real.urlpatterns,
]
handler400 = handlers.bad_request
handler403 = handlers.permission_denied
handler404 = handlers.page_not_found
handler429 = pages.too_many_requests
handler500 = handlers.server_error
