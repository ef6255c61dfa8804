"""Regions and quotas for staff."""

from __future__ import annotations

from django.contrib import admin

from services.regions.models import Quota, Region


@admin.register(Region)
class RegionAdmin(admin.ModelAdmin):
    """Settings are the provider's to change; what checks found is not."""

    list_display = ("code", "name", "country", "backend", "status", "healthy", "checked_at")
    list_filter = ("backend", "status", "healthy")
    readonly_fields = (
        "healthy",
        "detail",
        "unavailable",
        "checked_at",
        "failures",
        "retry_at",
        "created_at",
    )


@admin.register(Quota)
class QuotaAdmin(admin.ModelAdmin):
    """The limit can be changed; what is used is counted by orders."""

    list_display = ("project", "region", "name", "limit", "used")
    list_filter = ("region", "name")
    search_fields = ("project__slug", "project__organisation__slug")
    list_select_related = ("project", "region")
    readonly_fields = ("used",)
