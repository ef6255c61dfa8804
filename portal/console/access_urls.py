"""Addresses of the console about organisations, projects, people and tokens."""

from django.urls import path

from portal.console.views import invitations

urlpatterns = [
    path("invitations/accept/", invitations.show, name="invitation-accept"),
    path("invitations/take/", invitations.accept, name="invitation-take"),
    path("invitations/<str:public_id>/<str:secret>/", invitations.opened, name="invitation"),
]
