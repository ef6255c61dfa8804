"""The admin site tells tenants what staff reads there; and the audit trail, to read only."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.template.response import TemplateResponse

from portal.audit.actions import PROVIDER
from portal.audit.looks import record_looks
from portal.audit.models import AuditEvent
from portal.kernel.actor import Actor


class Told(admin.ModelAdmin):
    """Rows of tenants. `tenant` is the lookup from a row to the slug of its organisation."""

    tenant = ""

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        answer = super().changelist_view(request, extra_context)
        if isinstance(answer, TemplateResponse) and answer.context_data:
            rows = getattr(answer.context_data.get("cl"), "result_list", ())
            self.tell(request, [row.pk for row in rows])
        return answer

    def get_object(self, request: HttpRequest, object_id: str, from_field: Any = None) -> Any:
        found = super().get_object(request, object_id, from_field)
        if found is not None:
            self.tell(request, [found.pk])
        return found

    def tell(self, request: HttpRequest, keys: Iterable[Any]) -> None:
        """Written once an hour for each person and organisation, as all looks are."""
        rows = self.model._default_manager.filter(pk__in=list(keys)).order_by()
        slugs = set(rows.values_list(self.tenant, flat=True).distinct()) - {None, PROVIDER}
        actor = Actor(
            kind="staff",
            id=str(request.user.pk),
            name=request.user.get_username(),
            is_staff=True,
            address=str(request.META.get("REMOTE_ADDR", "")),
            request_id=getattr(request, "id", ""),
        )
        record_looks(actor, {str(slug) for slug in slugs}, seen="back office")


@admin.register(AuditEvent)
class AuditEventAdmin(Told):
    """Nothing here can be changed; the database refuses, too."""

    tenant = "chain"
    list_display = (
        "chain",
        "sequence",
        "at",
        "actor_name",
        "on_behalf_of",
        "verb",
        "target",
        "project",
    )
    list_filter = ("actor_kind", "verb")
    search_fields = ("target", "actor_name", "chain")
    ordering = ("-at",)

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False
