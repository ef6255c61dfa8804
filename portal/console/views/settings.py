"""Settings of the project at hand, its quotas, and its end.

The forms name the project in their address: somebody who has switched to another project in a
second window changes the one that they see.
"""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from portal.accounts.actors import actor_of
from portal.console import settings as building
from portal.console.attempts import attempt
from portal.console.limits import at_most
from portal.console.page import go, page
from portal.console.reauthentication import fresh_sign_in
from portal.console.scope import choose_project, require_project
from portal.kernel.actor import Actor
from portal.tenancy import access, actions
from portal.tenancy.permissions import Permission
from services.instances import archiving
from services.regions import queries as regions
from services.regions import requests

_P = Permission


def _named(request: HttpRequest, slug: str, permission: Permission) -> tuple[Actor, Any]:
    """The actor and the project that the address names, which is the one at hand from now on."""
    actor = actor_of(request)
    project = access.project(actor, slug, permission)
    request.project = project  # type: ignore[attr-defined]  # read by the shell
    choose_project(request, slug)
    return actor, project


@login_required
@require_GET
def settings(request: HttpRequest) -> HttpResponse:
    """GET /settings/"""
    actor = actor_of(request)
    context = building.project_page(actor, require_project(request, actor))
    return page(request, "console/settings.html", context)


@login_required
@require_POST
def edit(request: HttpRequest, slug: str) -> HttpResponse:
    """POST /projects/SLUG/edit/ (name, time_zone, tags): 422 with what is wrong."""
    actor, project = _named(request, slug, _P.PROJECT_UPDATE)
    typed = {name: request.POST.get(name, "") for name in ("name", "time_zone", "tags")}
    done, errors = attempt(lambda: _edit(actor, project, typed))
    if done is not None:
        messages.success(request, _("Saved."))
        return go(request, "console:settings")
    context = building.project_page(actor, project, typed, errors)
    return page(request, "console/settings.html", context, fragment="form", status=422)


def _edit(actor: Actor, project: Any, typed: dict[str, str]) -> object:
    tags = building.read_tags(typed["tags"])
    return actions.update_project(
        actor=actor, project=project, name=typed["name"], time_zone=typed["time_zone"], tags=tags
    )


@login_required
@require_GET
def quotas(request: HttpRequest) -> HttpResponse:
    """GET /settings/quotas/"""
    actor = actor_of(request)
    context = building.quota_page(actor, require_project(request, actor), request.GET.dict())
    return page(request, "console/quotas.html", context)


@login_required
@require_POST
@at_most(20, "quota-request")
def ask(request: HttpRequest, slug: str) -> HttpResponse:
    """POST /projects/SLUG/quota/ (quota=REGION/NAME, limit, reason): 422 with what is wrong."""
    actor, project = _named(request, slug, _P.QUOTA_REQUEST)
    done, errors = attempt(lambda: _request(actor, project, request.POST.dict()))
    if done is not None:
        messages.success(request, _("The provider has your request and will answer here."))
        return go(request, "console:quotas")
    context = building.quota_page(actor, project, request.POST.dict(), errors)
    return page(request, "console/quotas.html", context, fragment="form", status=422)


def _request(actor: Actor, project: Any, typed: dict[str, str]) -> object:
    code, name, limit = building.read_wish(typed)
    return requests.request_quota(
        actor=actor,
        project=project,
        region=regions.region(code),
        name=name,
        limit=limit,
        reason=typed.get("reason", ""),
    )


@login_required
@require_POST
def withdraw(request: HttpRequest, public_id: str) -> HttpResponse:
    """POST /settings/quotas/ID/withdraw/"""
    actor = actor_of(request)
    asked = requests.quota_request_for(actor, public_id)
    requests.withdraw_quota_request(actor=actor, request=asked)
    messages.success(request, _("The request is withdrawn."))
    return go(request, "console:quotas")


@login_required
@require_http_methods(["GET", "POST"])
@fresh_sign_in
def archive(request: HttpRequest, slug: str) -> HttpResponse:
    """GET and POST /projects/SLUG/archive/: what that means, the name typed."""
    actor, project = _named(request, slug, _P.PROJECT_UPDATE)
    errors: dict[str, str] = {}
    if request.method == "POST":
        errors = _archive(request, actor, project)
        if not errors:
            return go(request, "console:organisation", project.organisation.slug)
    context = building.frame(actor, project, "project") | {
        "errors": errors,
        "live": archiving.live_in([project]),
    }
    status = 422 if errors else 200
    return page(request, "console/project_archive.html", context, fragment="form", status=status)


def _archive(request: HttpRequest, actor: Actor, project: Any) -> dict[str, str]:
    """What is wrong; nothing once it is archived."""
    if request.POST.get("name", "").strip() != project.name:
        return {"name": _("Type “%(name)s”, the name of the project.") % {"name": project.name}}
    _done, errors = attempt(lambda: archiving.archive_project(actor=actor, project=project))
    if not errors:
        messages.success(request, _("%(name)s is archived.") % {"name": project.name})
    return errors
