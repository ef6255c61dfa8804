"""Organisations, projects, members, invitations, tokens, quotas: console and API."""

from portal.tenancy.permissions import Permission as P
from tests.portal.doors import ANY, PUBLIC, Door, World


def _link(_: World) -> dict[str, str]:
    return {"public_id": "iv-00000000", "secret": "x"}


def _organisation(_: World) -> dict[str, str]:
    return {"slug": "matrix-org"}


def _project(_: World) -> dict[str, str]:
    return {"slug": "matrix"}


def _member(world: World) -> dict[str, str]:
    return {"public_id": world["member"].public_id}


def _invitation(_: World) -> dict[str, str]:
    return {"public_id": "iv-00000000"}


def _request(_: World) -> dict[str, str]:
    return {"public_id": "qr-00000000"}


_ONE = "organisation=matrix-org"
_INVITED = {"project": "matrix", "email": "new@test.example", "role": "viewer"}
_PROJECT = {"name": "Matrix", "time_zone": "Europe/Paris", "tags": "team: a"}
_QUOTA = {"quota": "local/vcpu", "limit": "9", "reason": "More."}


def _api_invitation(_: World) -> dict[str, str]:
    return {"id": "iv-00000000"}


def _api_request(_: World) -> dict[str, str]:
    return {"id": "qr-00000000"}


_BILLED = {
    "legal_name": "X",
    "street": "X 1",
    "postcode": "1000 AA",
    "city": "X",
    "country": "NL",
    "invoice_email": "x@test.example",
}
_MAIL = {"email": "new@test.example", "role": "viewer", "organisation": "matrix-org"}
_WISH = {"project": "matrix", "region": "local", "name": "vcpu", "limit": 9, "reason": "More."}
DOORS = [
    Door("api:organisation", "DELETE", P.ORGANISATION_DELETE, at=_organisation),
    Door("api:project", "DELETE", P.PROJECT_UPDATE, at=_project),
    Door("api:invitations", "GET", P.MEMBER_VIEW, query=_ONE),
    Door("api:invitations", "POST", P.MEMBER_MANAGE, _MAIL),
    Door("api:invitation", "GET", P.MEMBER_VIEW, at=_api_invitation, missing=True),
    Door("api:invitation", "DELETE", P.MEMBER_MANAGE, at=_api_invitation, missing=True),
    Door("api:invitation-resend", "POST", P.MEMBER_MANAGE, at=_api_invitation, missing=True),
    Door("api:quota-requests", "GET", ANY),
    Door("api:quota-requests", "POST", P.QUOTA_REQUEST, _WISH),
    Door("api:quota-request", "GET", ANY, at=_api_request, missing=True),
    Door("api:quota-request", "DELETE", P.QUOTA_REQUEST, at=_api_request, missing=True),
    Door("console:organisations", "GET", ANY),
    Door("console:organisation-new", "GET", ANY),
    Door("console:organisation-new", "POST", ANY, {"name": "Mine"}),
    Door("console:organisation", "GET", P.ORGANISATION_VIEW, at=_organisation),
    Door("console:organisation-edit", "POST", P.ORGANISATION_UPDATE, {"name": "X"}, _organisation),
    Door(
        "console:organisation-mfa", "POST", P.ORGANISATION_UPDATE, {"required": "no"}, _organisation
    ),
    Door("console:billing", "GET", P.COST_VIEW, at=_organisation),
    Door("console:billing-vat", "GET", P.COST_VIEW, at=_organisation),
    Door("console:billing-edit", "POST", P.BILLING_MANAGE, {"city": "X"}, _organisation),
    Door("api:billing-identity", "GET", P.COST_VIEW, at=_organisation),
    Door("api:billing-identity", "PATCH", P.BILLING_MANAGE, _BILLED, at=_organisation),
    Door("console:organisation-archive", "GET", P.ORGANISATION_DELETE, at=_organisation),
    Door("console:organisation-archive", "POST", P.ORGANISATION_DELETE, at=_organisation),
    Door("console:project-new", "GET", P.PROJECT_CREATE, at=_organisation),
    Door("console:project-new", "POST", P.PROJECT_CREATE, {"name": "More"}, _organisation),
    Door("console:settings", "GET", P.PROJECT_VIEW, own=True),
    Door("console:project-edit", "POST", P.PROJECT_UPDATE, _PROJECT, _project),
    Door("console:project-archive", "GET", P.PROJECT_UPDATE, at=_project),
    Door("console:project-archive", "POST", P.PROJECT_UPDATE, {"name": "Matrix"}, _project),
    Door("console:quotas", "GET", P.PROJECT_VIEW, own=True),
    Door("console:quota-ask", "POST", P.QUOTA_REQUEST, _QUOTA, _project),
    Door("console:quota-withdraw", "POST", P.QUOTA_REQUEST, at=_request, missing=True),
    Door("console:members", "GET", P.MEMBER_VIEW, query=_ONE),
    Door("console:roles", "GET", ANY),
    Door("console:member", "GET", P.MEMBER_VIEW, at=_member, hidden=True),
    Door("console:member", "POST", P.MEMBER_MANAGE, {"role": "viewer"}, _member, hidden=True),
    Door("console:member-remove", "GET", P.MEMBER_VIEW, at=_member, hidden=True),
    Door("console:member-remove", "POST", P.MEMBER_MANAGE, at=_member, hidden=True),
    Door("console:invite", "GET", P.MEMBER_MANAGE, own=True),
    Door("console:invite", "POST", P.MEMBER_MANAGE, _INVITED),
    Door("console:invitation-resend", "POST", P.MEMBER_MANAGE, at=_invitation, missing=True),
    Door("console:invitation-withdraw", "POST", P.MEMBER_MANAGE, at=_invitation, missing=True),
    # Whoever holds the link of the mail; the rest is told that there is none.
    Door("console:invitation", "GET", PUBLIC, at=_link, missing=True),
    Door("console:invitation-accept", "GET", PUBLIC, missing=True),
    Door("console:invitation-take", "POST", ANY, missing=True),
]
