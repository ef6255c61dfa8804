"""API tokens and service accounts: listed, made, ended."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from portal.accounts.actors import actor_of
from portal.console import tokens as building
from portal.console.attempts import attempt
from portal.console.limits import at_most
from portal.console.page import go, page
from portal.console.reauthentication import fresh_sign_in
from portal.console.scope import require_project
from portal.kernel.actor import Actor
from portal.tenancy import access, tokens
from portal.tenancy.permissions import Permission


def _here(request: HttpRequest) -> tuple[Actor, Any]:
    """The actor, and the project that the form names, or the one at hand."""
    actor, slug = actor_of(request), request.POST.get("project", "")
    if slug:
        return actor, access.project(actor, slug, Permission.PROJECT_VIEW)
    return actor, require_project(request, actor)


@login_required
@require_GET
def listing(request: HttpRequest) -> HttpResponse:
    """GET /tokens/"""
    actor, project = _here(request)
    return page(request, "console/tokens.html", building.listing(actor, project))


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
@fresh_sign_in
@at_most(30, "token")
def create(request: HttpRequest) -> HttpResponse:
    """GET and POST /tokens/new/?preset=&holder=: the answer to the POST shows the token, once."""
    actor, project = _here(request)
    if request.method == "GET":
        asked = {name: request.GET.get(name, "") for name in ("preset", "holder")}
        context = building.form(actor, project, asked)
        return page(request, "console/token_new.html", context)
    made, errors = attempt(lambda: building.make(actor, project, request.POST))
    if made is None:
        context = building.form(actor, project, {}, request.POST, errors)
        return page(request, "console/token_new.html", context, status=422)
    row, text = made
    shown = {"token": row, "text": text, "sample": building.sample(text)}
    return page(request, "console/token_made.html", shown)


@login_required
@require_POST
def revoke(request: HttpRequest, public_id: str) -> HttpResponse:
    """POST /tokens/ID/revoke/"""
    actor = actor_of(request)
    token = tokens.token_for(actor, public_id)
    tokens.revoke_token(actor=actor, token=token)
    messages.success(request, _("The token “%(name)s” is revoked.") % {"name": token.name})
    return go(request, "console:tokens")


@login_required
@require_http_methods(["GET", "POST"])
@fresh_sign_in
@at_most(30, "service-account")
def create_account(request: HttpRequest) -> HttpResponse:
    """GET and POST /tokens/accounts/new/ (name, role, bound)"""
    actor, project = _here(request)
    access.require_in_organisation(actor, project.organisation, Permission.TOKEN_MANAGE)
    if request.method == "GET":
        context = building.account_form(actor, project)
        return page(request, "console/service_account_new.html", context)
    typed = request.POST
    made, errors = attempt(
        lambda: tokens.create_service_account(
            actor=actor,
            organisation=project.organisation,
            name=typed.get("name", ""),
            role=typed.get("role", ""),
            project=project if typed.get("bound") == "project" else None,
        )
    )
    if made is None:
        context = building.account_form(actor, project, typed.dict(), errors)
        return page(request, "console/service_account_new.html", context, status=422)
    said = _("“%(name)s” exists now. Make its first token here.") % {"name": made.name}
    messages.success(request, said)
    return go(request, f"{reverse('console:token-new')}?holder={made.public_id}")


@login_required
@require_POST
def disable_account(request: HttpRequest, public_id: str) -> HttpResponse:
    """POST /tokens/accounts/ID/disable/: with all its tokens."""
    actor = actor_of(request)
    account = tokens.service_account_for(actor, public_id)
    tokens.disable_service_account(actor=actor, account=account)
    messages.success(request, _("“%(name)s” and its tokens have ended.") % {"name": account.name})
    return go(request, "console:tokens")
