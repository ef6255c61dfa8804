"""Addresses of the reference, under /api/docs/."""

from django.urls import path

from portal.api.views import docs

urlpatterns = [
    path("", docs.index, name="api-docs"),
    path("schemas/", docs.schemas, name="api-docs-schemas"),
    path("schemas/<slug:name>/", docs.shape, name="api-docs-shape"),
    path("errors/", docs.errors, name="api-docs-errors"),
    path("try/", docs.try_it, name="api-docs-try"),
    path("<slug:noun>/", docs.noun, name="api-docs-noun"),
]
