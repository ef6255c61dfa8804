"""Addresses of the provider's pages."""

from django.urls import path

from portal.console.staff.views import (
    announcements,
    home,
    incidents,
    looking,
    organisations,
    quota,
    regions,
    work,
)

_ONE = "organisations/<slug:slug>/"
urlpatterns = [
    path("", home.home, name="staff"),
    path("search/", home.search, name="staff-search"),
    path("organisations/", organisations.organisations, name="staff-organisations"),
    path(_ONE, organisations.organisation, name="staff-organisation"),
    path(f"{_ONE}people/", organisations.people, name="staff-people"),
    path(f"{_ONE}services/", organisations.services, name="staff-services"),
    path("people/<str:public_id>/look/", looking.look, name="staff-look"),
    path(f"{_ONE}suspend/", organisations.suspend, name="staff-suspend"),
    path(f"{_ONE}lift/", organisations.lift, name="staff-lift"),
    path(f"{_ONE}quota/", quota.quota, name="staff-quota"),
    path(f"{_ONE}quota/<slug:project>/<slug:region>/", quota.edit, name="staff-quota-edit"),
    path("quota-requests/", quota.requests, name="staff-requests"),
    path("quota-requests/<str:public_id>/", quota.decide, name="staff-request"),
    path("regions/", regions.regions, name="staff-regions"),
    path("regions/<slug:code>/", regions.region, name="staff-region"),
    path("regions/<slug:code>/queue/", regions.queue, name="staff-queue"),
    path("regions/<slug:code>/close/", regions.close, name="staff-region-close"),
    path("regions/<slug:code>/open/", regions.reopen, name="staff-region-open"),
    path("engines/", regions.engines, name="staff-engines"),
    path("engines/<str:name>/install/", regions.install, name="staff-engine-install"),
    path("engines/<str:name>/remove/", regions.remove, name="staff-engine-remove"),
    path("announcements/", announcements.announcements, name="staff-announcements"),
    path(
        "announcements/<str:public_id>/withdraw/",
        announcements.withdraw,
        name="staff-announcement-withdraw",
    ),
    path("incidents/", incidents.incidents, name="staff-incidents"),
    path("incidents/new/", incidents.new_incident, name="staff-incident-new"),
    path("incidents/<str:public_id>/", incidents.incident, name="staff-incident"),
    path("work/new/", incidents.new_work, name="staff-work-new"),
    path("work/<str:public_id>/", incidents.work, name="staff-work"),
    path("work/<str:public_id>/cancel/", incidents.cancel_work, name="staff-work-cancel"),
    path("work/<str:public_id>/end/", incidents.end_work, name="staff-work-end"),
    path("operations/", work.operations, name="staff-operations"),
    path("operations/bulk/", work.bulk, name="staff-operations-bulk"),
    path("operations/<str:public_id>/", work.operation, name="staff-operation"),
    path("services/<str:public_id>/", work.service, name="staff-service"),
    path("services/<str:public_id>/destroy/", work.destroy, name="staff-destroy"),
]
