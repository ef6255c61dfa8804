"""Organisations, projects and members for staff: to look at; changes go through actions."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from portal.accounts.actors import staff_actor
from portal.accounts.admin import ReadOnlyAdmin
from portal.tenancy import actions
from portal.tenancy.models import Membership, Organisation, Project


@admin.register(Organisation)
class OrganisationAdmin(ReadOnlyAdmin):
    """Suspension is the provider's to set, by the two actions of the list."""

    list_display = ("slug", "name", "country", "created_at", "suspended_at", "archived_at")
    search_fields = ("slug", "name")
    actions = ("suspend", "lift_suspension")

    def has_suspend_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)

    @admin.action(
        description=_("Suspend: members may look and change nothing"), permissions=["suspend"]
    )
    def suspend(self, request: HttpRequest, queryset: QuerySet[Organisation]) -> None:
        for organisation in queryset:
            actions.suspend_organisation(actor=staff_actor(request), organisation=organisation)

    @admin.action(description=_("Lift the suspension"), permissions=["suspend"])
    def lift_suspension(self, request: HttpRequest, queryset: QuerySet[Organisation]) -> None:
        for organisation in queryset:
            actions.lift_suspension(actor=staff_actor(request), organisation=organisation)


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
