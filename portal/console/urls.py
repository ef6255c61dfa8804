"""Addresses of the console."""

from django.urls import path

from portal.console.views import preferences, styleguide

app_name = "console"
urlpatterns = [
    path("theme/", preferences.theme, name="theme"),
    path("scope/", preferences.scope, name="scope"),
    path("styleguide/", styleguide.styleguide, name="styleguide"),
]
