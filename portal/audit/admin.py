"""The audit trail for staff: to read only."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest

from portal.audit.models import AuditEvent


@admin.register(AuditEvent)
class AuditEventAdmin(admin.ModelAdmin):
    """Nothing here can be changed; the database refuses, too."""

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
