"""Addresses of the console."""

from django.urls import include, path

from portal.console import access_urls, account_urls, activity_urls, public_urls
from portal.console.staff.views import looking
from portal.console.views import (
    catalogue,
    changes,
    costs,
    invoices,
    overview,
    palette,
    preferences,
    service_list,
    services,
    styleguide,
)

app_name = "console"
_ONE = "services/<str:public_id>/"
urlpatterns = [
    path("", overview.overview, name="overview"),
    path("begin/", overview.begin, name="begin"),
    path("services/", service_list.services, name="services"),
    path("services/bin/", service_list.in_bin, name="bin"),
    path("services/bulk/", service_list.bulk, name="bulk"),
    path("services/views/", service_list.save_view, name="views"),
    path("services/views/<str:view_id>/", service_list.change_view, name="view"),
    path("services/views/<str:view_id>/delete/", service_list.delete_view, name="view-delete"),
    path(_ONE, services.service, name="service"),
    path(f"{_ONE}connection/", services.connection, name="service-connection"),
    path(f"{_ONE}settings/", services.settings, name="service-settings"),
    path(f"{_ONE}events/", services.events, name="service-events"),
    path(f"{_ONE}costs/", services.costs, name="service-costs"),
    path(f"{_ONE}operations/", services.operations, name="service-operations"),
    path(f"{_ONE}reveal/", services.reveal, name="service-reveal"),
    path(f"{_ONE}ca.pem", services.certificate, name="service-ca"),
    path(f"{_ONE}change/", changes.change, name="service-change"),
    path(f"{_ONE}edit/", changes.edit, name="service-edit"),
    path(f"{_ONE}pause/", changes.pause, name="service-pause"),
    path(f"{_ONE}resume/", changes.resume, name="service-resume"),
    path(f"{_ONE}rotate/", changes.rotate, name="service-rotate"),
    path(f"{_ONE}upgrade/", changes.upgrade, name="service-upgrade"),
    path(f"{_ONE}delete/", changes.delete, name="service-delete"),
    path(f"{_ONE}undelete/", changes.undelete, name="service-undelete"),
    path("catalogue/", catalogue.catalogue, name="catalogue"),
    path("catalogue/<slug:slug>/", catalogue.offering, name="offering"),
    path("catalogue/<slug:slug>/order/", catalogue.order, name="order"),
    path("catalogue/<slug:slug>/price/", catalogue.price, name="price"),
    path("costs/", costs.explorer, name="costs"),
    path("costs/costs.csv", costs.as_csv, name="costs-csv"),
    path("costs/invoices/", invoices.invoices, name="invoices"),
    path("costs/invoices/<str:number>/", invoices.invoice, name="invoice"),
    path("costs/invoices/<str:number>/<slug:name>/", invoices.document, name="invoice-document"),
    path("go/", palette.palette, name="go"),
    path("keyboard/", preferences.keyboard, name="keyboard"),
    path("theme/", preferences.theme, name="theme"),
    path("language/", preferences.language, name="language"),
    path("scope/", preferences.scope, name="scope"),
    path("staff/", include("portal.console.staff.urls")),
    path("looking/end/", looking.end, name="looking-end"),
    path("looking/changes/", looking.changes, name="looking-changes"),
    path("styleguide/", styleguide.styleguide, name="styleguide"),
    *activity_urls.urlpatterns,
    *access_urls.urlpatterns,
    *account_urls.urlpatterns,
    *public_urls.urlpatterns,
]
