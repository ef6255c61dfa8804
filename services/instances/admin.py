"""Instances and operations for staff: rows to read, and actions with a reason."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from portal.accounts.actors import staff_actor
from portal.accounts.admin import TenantsAdmin
from portal.kernel.actor import Actor
from portal.kernel.errors import PortalError
from services.instances import actions
from services.instances.models import Instance, InstanceEvent, Operation


class WithReason(ActionForm):
    """Beside the choice of action: why. It stands in the audit of the organisation."""

    reason = forms.CharField(label=_("Reason"), required=False, max_length=200)


class ActingAdmin(TenantsAdmin):
    """Rows to read, whose buttons call the actions that the console calls."""

    action_form = WithReason

    def act(
        self, request: HttpRequest, rows: Iterable[Any], do: Callable[[Actor, Any, str], object]
    ) -> None:
        """`do` for each chosen row; what happened to each is said."""
        reason = request.POST.get("reason", "").strip()
        if not reason:
            self.message_user(request, _("Say why, beside the action."), messages.ERROR)
            return
        actor = staff_actor(request)
        for row in rows:
            try:
                do(actor, row, reason)
            except PortalError as error:
                self.message_user(request, f"{row}: {error.text} {error.hint}", messages.ERROR)
            else:
                self.message_user(request, _("%(row)s: done.") % {"row": row})


@admin.register(Instance)
class InstanceAdmin(ActingAdmin):
    tenant = "project__organisation__slug"
    list_display = (
        "public_id",
        "name",
        "offering",
        "plan",
        "project",
        "region",
        "phase",
        "health",
        "needs_attention",
    )
    list_filter = ("needs_attention", "phase", "health", "offering", "region")
    list_select_related = ("project", "region")
    search_fields = ("public_id", "name", "project__slug", "project__organisation__slug")
    actions = ("force_delete",)

    @admin.action(description=_("Destroy now, whatever state it is in"), permissions=["view"])
    def force_delete(self, request: HttpRequest, rows: Any) -> None:
        self.act(
            request,
            rows.select_related("project__organisation", "region"),
            lambda actor, row, why: actions.force_delete(actor=actor, instance=row, reason=why),
        )


@admin.register(Operation)
class OperationAdmin(ActingAdmin):
    tenant = "instance__project__organisation__slug"
    list_display = (
        "public_id",
        "kind",
        "state",
        "instance",
        "error_code",
        "attempts",
        "created_at",
        "finished_at",
    )
    list_filter = ("state", "kind", "error_code")
    list_select_related = ("instance",)
    search_fields = ("public_id", "instance__public_id", "instance__name")
    actions = ("retry", "cancel")

    @admin.action(description=_("Try again"), permissions=["view"])
    def retry(self, request: HttpRequest, rows: Any) -> None:
        self.act(
            request,
            rows.select_related("instance__project__organisation", "instance__region"),
            lambda actor, row, why: actions.retry(actor=actor, operation=row, reason=why),
        )

    @admin.action(description=_("Cancel"), permissions=["view"])
    def cancel(self, request: HttpRequest, rows: Any) -> None:
        self.act(
            request,
            rows.select_related("instance__project__organisation", "instance__region"),
            lambda actor, row, why: actions.cancel(actor=actor, operation=row, reason=why),
        )


@admin.register(InstanceEvent)
class InstanceEventAdmin(TenantsAdmin):
    tenant = "instance__project__organisation__slug"
    list_display = ("at", "instance", "code", "version", "plan", "operation")
    list_filter = ("code",)
    list_select_related = ("instance", "operation")
    search_fields = ("instance__public_id",)
