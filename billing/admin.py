"""Prices and orders for staff: to read. Prices come from files, orders from tenants."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest

from billing.models import Order, Price
from portal.audit.admin import Told


class _ReadOnly(admin.ModelAdmin):
    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


@admin.register(Price)
class PriceAdmin(_ReadOnly):
    list_display = ("price_class", "meter", "region", "tiers", "valid_from", "valid_to")
    list_filter = ("book", "meter", "category")
    search_fields = ("price_class",)


@admin.register(Order)
class OrderAdmin(Told, _ReadOnly):
    tenant = "organisation__slug"
    list_display = ("public_id", "kind", "state", "organisation", "instance", "created_at")
    list_filter = ("kind", "state")
    list_select_related = ("organisation", "instance")
    search_fields = ("public_id", "organisation__slug", "instance__public_id")
