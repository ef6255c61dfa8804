"""Addresses about the reader and their session."""

from django.urls import path

from portal.console.views import session

urlpatterns = [
    path("session/", session.session, name="session"),
    path("resume/<str:token>/", session.resume, name="resume"),
]
