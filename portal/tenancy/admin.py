"""Organisations, projects and members for staff: to look at; changes go through actions."""

from __future__ import annotations

from django.contrib import admin

from portal.accounts.admin import ReadOnlyAdmin, TenantsAdmin
from portal.tenancy.models import Invitation, Membership, Organisation, Project


@admin.register(Organisation)
class OrganisationAdmin(ReadOnlyAdmin):
    """Who the customers are is the provider's own record: a look here is none at a tenant's data.
    They are suspended and let go at /staff/organisations/, with a reason.
    """

    list_display = ("slug", "name", "country", "created_at", "suspended_at", "archived_at")
    search_fields = ("slug", "name")


@admin.register(Project)
class ProjectAdmin(TenantsAdmin):
    tenant = "organisation__slug"
    list_display = ("slug", "name", "organisation", "created_at", "archived_at")
    search_fields = ("slug", "name", "organisation__slug")
    list_select_related = ("organisation",)


@admin.register(Membership)
class MembershipAdmin(TenantsAdmin):
    tenant = "organisation__slug"
    list_display = ("user", "organisation", "project", "role", "expires_at")
    list_filter = ("role",)
    search_fields = ("user__email", "organisation__slug")
    list_select_related = ("user", "organisation", "project")


@admin.register(Invitation)
class InvitationAdmin(TenantsAdmin):
    """To look at; the digest of the link helps nobody."""

    tenant = "organisation__slug"
    list_display = ("public_id", "email", "organisation", "project", "role", "expires_at")
    search_fields = ("public_id", "email", "organisation__slug")
    list_select_related = ("organisation", "project")
    exclude = ("digest",)
