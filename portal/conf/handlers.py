"""Errors that no view could answer: problem+json below /api/v1/, a page everywhere else."""

from __future__ import annotations

import sys

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse

from portal.api.errors import outside_a_view
from portal.console import errors

_API = "/api/v1/"


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if request.path.startswith(_API):
        return outside_a_view(request, exception)
    return errors.bad_request(request, exception)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    if request.path.startswith(_API):
        return outside_a_view(request, PermissionDenied())
    return errors.permission_denied(request, exception)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if request.path.startswith(_API):
        return outside_a_view(request, Http404())
    return errors.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    if request.path.startswith(_API):
        return outside_a_view(request, sys.exc_info()[1] or RuntimeError())
    return errors.server_error(request)
