"""The admin site: raw data for the provider's staff, under the same strict policy as the
console.
"""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _


class PolderAdminSite(admin.AdminSite):
    site_title = _("Polder admin")
    site_header = _("Polder admin")
    index_title = _("Provider data")
