"""Addresses about the reader and their session."""

from django.urls import path

from portal.console.views import account, session

urlpatterns = [
    path("account/", account.profile, name="account"),
    path("account/sessions/", account.sessions, name="account-sessions"),
    path("account/sessions/end/", account.end_other_sessions, name="account-sessions-end"),
    path("account/sessions/<int:session_id>/end/", account.end_session, name="account-session-end"),
    path("account/data/", account.data, name="account-data"),
    path("account/data/export/", account.export, name="account-export"),
    path("account/delete/", account.delete, name="account-delete"),
    path("session/", session.session, name="session"),
    path("resume/<str:token>/", session.resume, name="resume"),
]
