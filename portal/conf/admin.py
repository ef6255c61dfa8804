"""The admin site: raw data for the provider's staff, under the same strict policy as the
console.
"""

from __future__ import annotations

from typing import Any

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _


class PolderAdminSite(admin.AdminSite):
    site_title = _("Polder admin")
    site_header = _("Polder admin")
    index_title = _("Provider data")

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """By the console's own sign-in, with its second factor and its limits."""
        answer: HttpResponse = secure_admin_login(super().login)(request, extra_context)
        return answer

    def password_change(  # type: ignore[override]  # a redirect, where the stubs know a page
        self, request: HttpRequest, extra_context: Any = None
    ) -> HttpResponse:
        return HttpResponseRedirect(reverse("account_change_password"))
