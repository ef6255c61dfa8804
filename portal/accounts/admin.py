"""People, service accounts and tokens for staff. Digests are never shown."""

from __future__ import annotations

from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from allauth.usersessions.models import UserSession
from django.contrib import admin
from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from portal.accounts.actions import sign_out_everywhere
from portal.accounts.actors import staff_actor
from portal.accounts.models import ApiToken, ServiceAccount, User
from portal.audit.actions import PROVIDER, record
from portal.audit.admin import Told

# What django-allauth registers can be written without a trace, and holds secrets.
for _model in (
    Group,
    EmailAddress,
    Authenticator,
    SocialApp,
    SocialAccount,
    SocialToken,
    UserSession,
):
    if admin.site.is_registered(_model):
        admin.site.unregister(_model)

_AUDITED = ("is_active", "is_staff", "is_superuser")


class ReadOnlyAdmin(admin.ModelAdmin):
    """Rows whose writes belong to actions."""

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


class TenantsAdmin(Told, ReadOnlyAdmin):
    """Rows of tenants, to read; each tenant is told."""


@admin.register(EmailAddress)
class EmailAddressAdmin(TenantsAdmin):
    tenant = "user__memberships__organisation__slug"
    list_display = ("email", "user", "primary", "verified")
    list_filter = ("verified",)
    search_fields = ("email",)


@admin.register(User)
class UserAdmin(Told):
    """People sign up; staff are made with `manage.py createsuperuser`. Nobody is deleted here, for
    the last owner of an organisation could go with it: deactivate instead.
    """

    tenant = "memberships__organisation__slug"
    list_display = ("email", "name", "is_active", "is_staff", "last_login", "date_joined")
    list_filter = ("is_active", "is_staff")
    search_fields = ("email", "name")
    fields = ("email", "name", "is_active", "is_staff", "is_superuser", "last_login")
    readonly_fields = ("email", "last_login")
    actions = ("sign_out",)

    @admin.action(description=_("Sign out everywhere"), permissions=["change"])
    def sign_out(self, request: HttpRequest, rows: QuerySet[User]) -> None:
        """People who are switched off need none of it: they are out at once."""
        actor = staff_actor(request)
        ended = sum(sign_out_everywhere(actor=actor, user=person) for person in rows)
        text = ngettext("%(count)s session ended.", "%(count)s sessions ended.", ended)
        self.message_user(request, text % {"count": ended})

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    @transaction.atomic
    def save_model(self, request: HttpRequest, obj: User, form: ModelForm, change: bool) -> None:
        before = dict(User.objects.filter(pk=obj.pk).values(*_AUDITED).get())
        super().save_model(request, obj, form, change)
        after: dict[str, Any] = {name: getattr(obj, name) for name in _AUDITED}
        actor = staff_actor(request)
        record(
            actor, "user.change", "user", str(obj.pk), chain=PROVIDER, before=before, after=after
        )


@admin.register(ServiceAccount)
class ServiceAccountAdmin(TenantsAdmin):
    tenant = "organisation__slug"
    list_display = ("public_id", "name", "organisation", "role", "project", "disabled_at")
    list_select_related = ("organisation", "project")
    search_fields = ("name", "organisation__slug")


@admin.register(ApiToken)
class ApiTokenAdmin(TenantsAdmin):
    tenant = "user__memberships__organisation__slug"
    list_display = ("public_id", "name", "user", "service_account", "expires_at", "last_used_at")
    list_select_related = ("user", "service_account")
    search_fields = ("public_id", "name", "user__email")
    exclude = ("digest",)
