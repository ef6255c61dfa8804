"""Files of the costs of all, and the bucket of the provider that they go to."""

from __future__ import annotations

from typing import cast

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET, require_POST, require_safe

from portal.accounts.actors import staff_actor
from portal.console import export_answers as answers
from portal.console.limits import at_most
from portal.console.reauthentication import fresh_sign_in
from portal.console.staff.door import staff_only


@staff_only
@require_safe
def exports(request: HttpRequest) -> HttpResponse:
    """GET /staff/exports/"""
    return answers.shown(request, staff_actor(request), None)


@staff_only
@require_POST
@fresh_sign_in
def save(request: HttpRequest) -> HttpResponse:
    """POST /staff/exports/bucket/: where the files go; 422."""
    return answers.saved(request, staff_actor(request), None)


@staff_only
@require_POST
@at_most(30, "cost-export")
def trying(request: HttpRequest) -> HttpResponse:
    """POST /staff/exports/try/: writes a small object."""
    return answers.tried(request, staff_actor(request), None)


@staff_only
@require_POST
def remove(request: HttpRequest) -> HttpResponse:
    """POST /staff/exports/remove/"""
    return answers.removed(request, staff_actor(request), None)


@staff_only
@require_GET
def download(request: HttpRequest) -> HttpResponse:
    """GET /staff/exports/file/?version=&month=&format=&dataset="""
    answer = answers.file(request, staff_actor(request), None)
    return cast(HttpResponse, answer)  # all that the door does with it, both kinds can
