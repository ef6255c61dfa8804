"""All addresses."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from portal.conf import health

urlpatterns = [
    path("healthz", health.alive, name="healthz"),
    path("readyz", health.ready, name="readyz"),
    path(
        "accounts/sessions/",
        RedirectView.as_view(pattern_name="console:account-sessions"),
        name="usersessions_list",
    ),
    path("accounts/saml/", include("portal.accounts.saml")),
    path("accounts/", include("allauth.urls")),
    path("admin/", admin.site.urls),
    path("api/v1/", include("portal.api.urls")),
    path("api/docs/", include("portal.api.docs_urls")),
    path("", include("portal.console.urls")),
]

handler400 = "portal.conf.handlers.bad_request"
handler403 = "portal.conf.handlers.permission_denied"
handler404 = "portal.conf.handlers.page_not_found"
handler429 = "portal.console.errors.too_many_requests"  # django-allauth's rate limits
handler500 = "portal.conf.handlers.server_error"
