"""The admin site as an app of ours, so that it has our title and theme."""

from django.contrib.admin.apps import AdminConfig


class PolderAdminConfig(AdminConfig):
    default_site = "portal.conf.admin.PolderAdminSite"
