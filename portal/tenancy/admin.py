"""Organisations, projects and members for staff: to look at; changes go through actions."""

from __future__ import annotations

from django.contrib import admin

from portal.accounts.admin import ReadOnlyAdmin
from portal.tenancy.models import Membership, Organisation, Project


@admin.register(Organisation)
class OrganisationAdmin(ReadOnlyAdmin):
    """Suspended and let go at /staff/organisations/, with a reason."""

    list_display = ("slug", "name", "country", "created_at", "suspended_at", "archived_at")
    search_fields = ("slug", "name")


@admin.register(Project)
class ProjectAdmin(ReadOnlyAdmin):
    list_display = ("slug", "name", "organisation", "created_at", "archived_at")
    search_fields = ("slug", "name", "organisation__slug")
    list_select_related = ("organisation",)


@admin.register(Membership)
class MembershipAdmin(ReadOnlyAdmin):
    list_display = ("user", "organisation", "project", "role", "expires_at")
    list_filter = ("role",)
    search_fields = ("user__email", "organisation__slug")
    list_select_related = ("user", "organisation", "project")
