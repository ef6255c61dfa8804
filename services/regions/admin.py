"""Regions and quotas for staff."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db import transaction
from django.forms import ModelForm
from django.http import HttpRequest

from portal.accounts.actors import staff_actor
from portal.accounts.admin import TenantsAdmin
from portal.audit.actions import PROVIDER, record
from services.regions.models import Quota, QuotaRequest, Region


@admin.register(Region)
class RegionAdmin(admin.ModelAdmin):
    """Names and status are the provider's to change; what checks found is not, and settings are
    changed at /staff/regions/ and, of spare capacity, at /staff/spot/, where they are checked.
    Secrets are not here.
    """

    list_display = ("code", "name", "country", "backend", "status", "healthy", "checked_at")
    list_filter = ("backend", "status", "healthy")
    readonly_fields = (
        "settings",
        "spot_vcpu",
        "healthy",
        "detail",
        "unavailable",
        "facts",
        "checked_at",
        "failures",
        "retry_at",
        "created_at",
    )

    @transaction.atomic
    def save_model(self, request: HttpRequest, obj: Region, form: ModelForm, change: bool) -> None:
        """Which settings were changed is written down, not to what."""
        super().save_model(request, obj, form, change)
        verb = "region.change" if change else "region.create"
        after: dict[str, Any] = {"changed": form.changed_data}
        record(staff_actor(request), verb, "region", obj.code, chain=PROVIDER, after=after)


@admin.register(Quota)
class QuotaAdmin(TenantsAdmin):
    """Set at /staff/organisations/, with a reason."""

    tenant = "project__organisation__slug"

    list_display = ("project", "region", "name", "limit", "used")
    list_filter = ("region", "name")
    search_fields = ("project__slug", "project__organisation__slug")
    list_select_related = ("project", "region")


@admin.register(QuotaRequest)
class QuotaRequestAdmin(TenantsAdmin):
    """To look at: staff answer on their own pages."""

    tenant = "project__organisation__slug"

    list_display = ("public_id", "project", "region", "name", "limit", "state", "created_at")
    list_filter = ("state", "region", "name")
    search_fields = ("public_id", "project__slug", "project__organisation__slug")
    list_select_related = ("project", "region")
