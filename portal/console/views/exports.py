"""Files of costs of the organisation at hand, and the bucket that they go to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_GET, require_POST, require_safe

from portal.accounts.actors import actor_of
from portal.console import export_answers as answers
from portal.console.limits import at_most
from portal.console.reauthentication import fresh_sign_in
from portal.console.scope import require_project
from portal.kernel.actor import Actor

if TYPE_CHECKING:
    from portal.tenancy.models import Organisation


@login_required
@require_safe
def exports(request: HttpRequest) -> HttpResponse:
    """GET /costs/exports/"""
    return answers.shown(request, *_at_hand(request))


@login_required
@require_POST
@fresh_sign_in
def save(request: HttpRequest) -> HttpResponse:
    """POST /costs/exports/bucket/: where the files go; 422."""
    return answers.saved(request, *_at_hand(request))


@login_required
@require_POST
@at_most(30, "cost-export")
def trying(request: HttpRequest) -> HttpResponse:
    """POST /costs/exports/try/: writes a small object."""
    return answers.tried(request, *_at_hand(request))


@login_required
@require_POST
def remove(request: HttpRequest) -> HttpResponse:
    """POST /costs/exports/remove/"""
    return answers.removed(request, *_at_hand(request))


@login_required
@require_GET
def download(request: HttpRequest) -> HttpResponseBase:
    """GET /costs/exports/file/?version=&month=&format=&dataset="""
    return answers.file(request, *_at_hand(request))


def _at_hand(request: HttpRequest) -> tuple[Actor, Organisation]:
    actor = actor_of(request)
    return actor, require_project(request, actor).organisation
