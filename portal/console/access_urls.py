"""Addresses of the console about organisations, projects, people and tokens."""

from django.urls import path

from portal.console.views import billing, invitations, members, organisations, settings, tokens

_ORG = "orgs/<slug:slug>/"
_INVITED = "members/invitations/<str:public_id>/"
urlpatterns = [
    path("orgs/", organisations.organisations, name="organisations"),
    path("orgs/new/", organisations.create, name="organisation-new"),
    path(_ORG, organisations.organisation, name="organisation"),
    path(f"{_ORG}edit/", organisations.edit, name="organisation-edit"),
    path(f"{_ORG}second-factor/", organisations.second_factor, name="organisation-mfa"),
    path(f"{_ORG}billing/", billing.details, name="billing"),
    path(f"{_ORG}billing/edit/", billing.edit, name="billing-edit"),
    path(f"{_ORG}billing/vat/", billing.meaning, name="billing-vat"),
    path(f"{_ORG}archive/", organisations.archive, name="organisation-archive"),
    path(f"{_ORG}projects/new/", organisations.create_project, name="project-new"),
    path("members/", members.listing, name="members"),
    path("members/invite/", members.invite, name="invite"),
    path("members/roles/", members.roles, name="roles"),
    path(f"{_INVITED}resend/", members.resend, name="invitation-resend"),
    path(f"{_INVITED}withdraw/", members.withdraw, name="invitation-withdraw"),
    path("members/<str:public_id>/", members.member, name="member"),
    path("members/<str:public_id>/remove/", members.remove, name="member-remove"),
    path("tokens/", tokens.listing, name="tokens"),
    path("tokens/new/", tokens.create, name="token-new"),
    path("tokens/<str:public_id>/revoke/", tokens.revoke, name="token-revoke"),
    path("tokens/accounts/new/", tokens.create_account, name="service-account-new"),
    path(
        "tokens/accounts/<str:public_id>/disable/",
        tokens.disable_account,
        name="service-account-disable",
    ),
    path("settings/", settings.settings, name="settings"),
    path("settings/quotas/", settings.quotas, name="quotas"),
    path("settings/quotas/<str:public_id>/withdraw/", settings.withdraw, name="quota-withdraw"),
    path("projects/<slug:slug>/edit/", settings.edit, name="project-edit"),
    path("projects/<slug:slug>/quota/", settings.ask, name="quota-ask"),
    path("projects/<slug:slug>/archive/", settings.archive, name="project-archive"),
    path("invitations/accept/", invitations.show, name="invitation-accept"),
    path("invitations/take/", invitations.accept, name="invitation-take"),
    path("invitations/<str:public_id>/<str:secret>/", invitations.opened, name="invitation"),
]
