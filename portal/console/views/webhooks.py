"""Webhooks of the project at hand: made, changed, tried, ended, and what was sent."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from portal.accounts.actors import actor_of
from portal.console import webhooks as building
from portal.console.page import go, page
from portal.console.reauthentication import fresh_sign_in
from portal.console.scope import require_project
from portal.kernel.actor import Actor
from portal.kernel.errors import Invalid
from portal.notifications import webhooks as doing
from portal.tenancy import access
from portal.tenancy.permissions import Permission


def _one(request: HttpRequest, public_id: str) -> tuple[Actor, Any]:
    actor = actor_of(request)
    found = doing.webhook_for(actor, public_id)
    request.project = found.project  # type: ignore[attr-defined]  # read by the shell
    return actor, found


def _typed(request: HttpRequest) -> dict[str, Any]:
    return {
        "url": request.POST.get("url", "").strip(),
        "kinds": request.POST.getlist("events"),
    }


@login_required
@require_GET
def webhooks(request: HttpRequest) -> HttpResponse:
    """GET /settings/webhooks/"""
    actor = actor_of(request)
    context = building.listing(actor, require_project(request, actor))
    return page(request, "console/webhooks.html", context)


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
@fresh_sign_in
def create(request: HttpRequest) -> HttpResponse:
    """GET and POST /settings/webhooks/new/: 201 with the secret, which is shown once; 422."""
    actor = actor_of(request)
    project = require_project(request, actor)
    access.require(actor, project, Permission.PROJECT_UPDATE)
    if request.method == "GET":
        return page(request, "console/webhook_new.html", building.form(project))
    typed = _typed(request)
    try:
        made, secret = doing.create_webhook(actor=actor, project=project, **typed)
    except Invalid as error:
        context = building.form(project, typed, error.fields)
        return page(request, "console/webhook_new.html", context, fragment="form", status=422)
    context = building.one(made, {}, secret=secret)
    return page(request, "console/webhook.html", context, status=201)


@login_required
@require_http_methods(["GET", "POST"])
def webhook(request: HttpRequest, public_id: str) -> HttpResponse:
    """GET and POST /settings/webhooks/ID/: its log, and address and events; 422."""
    actor, found = _one(request, public_id)
    if request.method == "GET":
        context = building.one(found, request.GET.dict())
        return page(request, "console/webhook.html", context, fragment="log")
    typed = _typed(request)
    try:
        doing.update_webhook(actor=actor, webhook=found, **typed)
    except Invalid as error:
        context = building.one(found, {}, typed=typed, errors=error.fields)
        return page(request, "console/webhook.html", context, fragment="form", status=422)
    messages.success(request, _("Saved. It holds for what happens from now on."))
    return go(request, "console:webhook", public_id)


@login_required
@never_cache
@require_POST
@fresh_sign_in
def secret(request: HttpRequest, public_id: str) -> HttpResponse:
    """POST /settings/webhooks/ID/secret/: a new one, shown once."""
    actor, found = _one(request, public_id)
    new = doing.renew_secret(actor=actor, webhook=found)
    found.refresh_from_db()
    return page(request, "console/webhook.html", building.one(found, {}, secret=new))


@login_required
@require_POST
def ping(request: HttpRequest, public_id: str) -> HttpResponse:
    """POST /settings/webhooks/ID/ping/"""
    actor, found = _one(request, public_id)
    doing.ping(actor=actor, webhook=found)
    return go(request, "console:webhook", public_id)


@login_required
@require_POST
def switch(request: HttpRequest, public_id: str) -> HttpResponse:
    """POST /settings/webhooks/ID/switch/ (to=on|off)"""
    actor, found = _one(request, public_id)
    active = request.POST.get("to") == "on"
    doing.update_webhook(actor=actor, webhook=found, active=active)
    return go(request, "console:webhook", public_id)


@login_required
@require_http_methods(["GET", "POST"])
def delete(request: HttpRequest, public_id: str) -> HttpResponse:
    """GET and POST /settings/webhooks/ID/delete/: asks, then deletes."""
    actor, found = _one(request, public_id)
    if request.method == "GET":
        return page(request, "console/webhook_delete.html", building.one(found, {}))
    doing.delete_webhook(actor=actor, webhook=found)
    messages.success(request, _("The webhook was deleted with its log."))
    return go(request, "console:webhooks")


@login_required
@require_GET
def delivery(request: HttpRequest, public_id: str, delivery: str) -> HttpResponse:
    """GET /settings/webhooks/ID/deliveries/ID/"""
    _actor, found = _one(request, public_id)
    context = building.delivery(found, doing.delivery_of(found, delivery))
    return page(request, "console/delivery.html", context)


@login_required
@require_POST
def replay(request: HttpRequest, public_id: str, delivery: str) -> HttpResponse:
    """POST /settings/webhooks/ID/deliveries/ID/replay/"""
    actor, found = _one(request, public_id)
    doing.replay(actor=actor, webhook=found, delivery=doing.delivery_of(found, delivery))
    return go(request, "console:webhook", public_id)
