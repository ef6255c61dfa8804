"""People, service accounts and tokens for staff. Digests are never shown."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.models import Group
from django.http import HttpRequest

from portal.accounts.models import ApiToken, ServiceAccount, User

admin.site.unregister(Group)


@admin.register(User)
class UserAdmin(admin.ModelAdmin):
    list_display = ("email", "name", "is_active", "is_staff", "last_login", "date_joined")
    list_filter = ("is_active", "is_staff")
    search_fields = ("email", "name")
    fields = ("email", "name", "is_active", "is_staff", "is_superuser", "last_login")
    readonly_fields = ("last_login",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # people sign up; staff are made with `manage.py createsuperuser`


@admin.register(ServiceAccount)
class ServiceAccountAdmin(admin.ModelAdmin):
    list_display = ("public_id", "name", "organisation", "role", "project", "disabled_at")
    list_select_related = ("organisation", "project")
    search_fields = ("name", "organisation__slug")
    readonly_fields = ("public_id", "name", "organisation", "role", "project", "created_at")


@admin.register(ApiToken)
class ApiTokenAdmin(admin.ModelAdmin):
    list_display = ("public_id", "name", "user", "service_account", "expires_at", "last_used_at")
    list_select_related = ("user", "service_account")
    search_fields = ("public_id", "name", "user__email")
    exclude = ("digest",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False
