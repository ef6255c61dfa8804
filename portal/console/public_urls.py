"""Addresses of what anybody may read, and of the notices."""

from django.urls import path

from portal.console.feeds import AtomStatusFeed, StatusFeed
from portal.console.views import about, notices, prices, status

urlpatterns = [
    path("licences/", about.licences, name="licences"),
    path("licences/polder.txt", about.own_licence, name="own-licence"),
    path("trademarks/", about.trademarks, name="trademarks"),
    path("robots.txt", about.robots, name="robots"),
    path("favicon.ico", about.favicon, name="favicon"),
    path(".well-known/security.txt", about.security, name="security"),
    path("notices/", notices.notices, name="notices"),
    path("notices/<str:notice>/away/", notices.away, name="notice-away"),
    path("prices/", prices.prices, name="prices"),
    path("prices/rates/", prices.rates, name="rates"),
    path("prices/history/", prices.history, name="price-history"),
    path("prices/spot/", prices.spot, name="spot-prices"),
    path("prices/<slug:kind>.csv", prices.as_csv, name="prices-csv"),
    path("prices/calculator/", prices.calculator, name="calculator"),
    path("status/", status.status, name="status"),
    path("status/history/", status.history, name="status-history"),
    path("status/incidents/<str:public_id>/", status.incident, name="status-incident"),
    path("status/rss/", StatusFeed(), name="status-rss"),
    path("status/atom/", AtomStatusFeed(), name="status-atom"),
    path("status.json", status.as_json, name="status-json"),
]
