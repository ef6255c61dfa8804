"""Organisations and their projects: list, create, change, archive."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from portal.accounts.actors import actor_of
from portal.console import organisations as building
from portal.console.attempts import attempt
from portal.console.limits import at_most
from portal.console.page import go, page
from portal.console.reauthentication import fresh_sign_in
from portal.console.scope import choose_project
from portal.kernel.actor import Actor
from portal.tenancy import access, actions
from portal.tenancy.countries import country_choices
from portal.tenancy.permissions import Permission
from services.instances import archiving

_P = Permission


@login_required
@require_GET
def organisations(request: HttpRequest) -> HttpResponse:
    """GET /orgs/"""
    context = building.organisations(actor_of(request))
    return page(request, "console/organisations.html", context)


@login_required
@require_http_methods(["GET", "POST"])
@at_most(10, "organisation")
def create(request: HttpRequest) -> HttpResponse:
    """GET and POST /orgs/new/ (name, country): then on to its first project."""
    typed, errors = _typed(request), dict[str, str]()
    if request.method == "POST":
        made, errors = attempt(lambda: _create(actor_of(request), typed))
        if made is not None:
            messages.success(request, _("%(name)s exists now.") % {"name": made.name})
            return go(request, "console:project-new", made.slug)
    context = {"typed": typed, "errors": errors, "countries": country_choices()}
    status = 422 if errors else 200
    return page(request, "console/organisation_new.html", context, fragment="form", status=status)


def _typed(request: HttpRequest) -> dict[str, str]:
    return {name: request.POST.get(name, "") for name in ("name", "country")}


def _create(actor: Actor, typed: dict[str, str]) -> Any:
    name, country = typed["name"], typed["country"]
    return actions.create_organisation(actor=actor, name=name, country=country)


@login_required
@require_GET
def organisation(request: HttpRequest, slug: str) -> HttpResponse:
    """GET /orgs/SLUG/"""
    actor = actor_of(request)
    found = access.organisation(actor, slug, _P.ORGANISATION_VIEW)
    return page(request, "console/organisation.html", building.organisation(actor, found))


@login_required
@require_POST
def edit(request: HttpRequest, slug: str) -> HttpResponse:
    """POST /orgs/SLUG/edit/ (name, country): 422 with what is wrong."""
    actor = actor_of(request)
    found = access.organisation(actor, slug, _P.ORGANISATION_UPDATE)
    typed = _typed(request)
    done, errors = attempt(
        lambda: actions.update_organisation(
            actor=actor, organisation=found, name=typed["name"], country=typed["country"]
        )
    )
    if done is not None:
        messages.success(request, _("Saved."))
        return go(request, "console:organisation", slug)
    context = building.organisation(actor, found, typed, errors)
    return page(request, "console/organisation.html", context, fragment="form", status=422)


@login_required
@require_POST
@fresh_sign_in
def second_factor(request: HttpRequest, slug: str) -> HttpResponse:
    """POST /orgs/SLUG/second-factor/ (required=yes|no): who may open it from now on."""
    actor = actor_of(request)
    found = access.organisation(actor, slug, _P.ORGANISATION_UPDATE)
    required = request.POST.get("required") == "yes"
    done, errors = attempt(
        lambda: actions.require_mfa(actor=actor, organisation=found, required=required)
    )
    if done is not None:
        messages.success(request, _("Saved."))
    for text in errors.values():
        messages.error(request, text)
    return go(request, "console:organisation", slug)


@login_required
@require_http_methods(["GET", "POST"])
@fresh_sign_in
def archive(request: HttpRequest, slug: str) -> HttpResponse:
    """GET and POST /orgs/SLUG/archive/: what that means, the name typed."""
    actor = actor_of(request)
    found = access.organisation(actor, slug, _P.ORGANISATION_DELETE)
    errors: dict[str, str] = {}
    if request.method == "POST":
        errors = _archive(request, actor, found)
        if not errors:
            return go(request, "console:organisations")
    live = archiving.live_in_organisation(found)
    context = building.frame(found) | {"errors": errors, "live": live}
    status = 422 if errors else 200
    template = "console/organisation_archive.html"
    return page(request, template, context, fragment="form", status=status)


def _archive(request: HttpRequest, actor: Actor, found: Any) -> dict[str, str]:
    """What is wrong; nothing once it is archived."""
    if request.POST.get("name", "").strip() != found.name:
        return {"name": _("Type “%(name)s”, the name of the organisation.") % {"name": found.name}}
    _done, errors = attempt(lambda: archiving.archive_organisation(actor=actor, organisation=found))
    if not errors:
        messages.success(request, _("%(name)s is archived.") % {"name": found.name})
    return errors


@login_required
@require_http_methods(["GET", "POST"])
@at_most(30, "project")
def create_project(request: HttpRequest, slug: str) -> HttpResponse:
    """GET and POST /orgs/SLUG/projects/new/ (name): work goes on in it."""
    actor = actor_of(request)
    found = access.organisation(actor, slug, _P.PROJECT_CREATE)
    name, errors = request.POST.get("name", ""), dict[str, str]()
    if request.method == "POST":
        made, errors = attempt(
            lambda: actions.create_project(actor=actor, organisation=found, name=name)
        )
        if made is not None:
            choose_project(request, made.slug)
            return go(request, "console:overview")
    context = building.frame(found) | {"typed": {"name": name}, "errors": errors}
    status = 422 if errors else 200
    return page(request, "console/project_new.html", context, fragment="form", status=status)
