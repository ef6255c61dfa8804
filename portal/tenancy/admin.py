"""Organisations, projects and members for staff."""

from __future__ import annotations

from django.contrib import admin

from portal.tenancy.models import Membership, Organisation, Project


@admin.register(Organisation)
class OrganisationAdmin(admin.ModelAdmin):
    """Suspension is the provider's to set; the slug is a public name and stays."""

    list_display = ("slug", "name", "country", "created_at", "suspended_at", "archived_at")
    search_fields = ("slug", "name")
    readonly_fields = ("slug", "created_at")


@admin.register(Project)
class ProjectAdmin(admin.ModelAdmin):
    list_display = ("slug", "name", "organisation", "created_at", "archived_at")
    search_fields = ("slug", "name", "organisation__slug")
    list_select_related = ("organisation",)
    readonly_fields = ("slug", "public_id", "organisation", "created_at")


@admin.register(Membership)
class MembershipAdmin(admin.ModelAdmin):
    list_display = ("user", "organisation", "project", "role", "expires_at")
    list_filter = ("role",)
    search_fields = ("user__email", "organisation__slug")
    list_select_related = ("user", "organisation", "project")
    raw_id_fields = ("user", "organisation", "project")
