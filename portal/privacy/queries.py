"""A copy of everything that Polder keeps about one person, as plain data for a JSON file."""

from __future__ import annotations

from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession
from django.db.models import Q, QuerySet

from billing.identity.fields import LENGTHS
from billing.models import BillingIdentity, Payment
from portal.accounts.models import ApiToken, User
from portal.accounts.people import addresses_of
from portal.audit.models import AuditEvent
from portal.kernel import clock
from portal.tenancy import members
from portal.tenancy.models import Invitation, Membership, Organisation
from portal.tenancy.permissions import Role

Rows = list[dict[str, Any]]


def personal_data(user: User) -> dict[str, Any]:
    """Secrets are left out: no password, no token, no key of a second factor is in it."""
    return {
        "made_at": clock.now(),
        "profile": {
            "email": user.email,
            "name": user.name,
            "language": user.language,
            "joined_at": user.date_joined,
            "last_sign_in_at": user.last_login,
            "is_staff": user.is_staff,
        },
        "email_addresses": _rows(
            EmailAddress.objects.filter(user=user), "email", "verified", "primary"
        ),
        "second_factors": _rows(
            Authenticator.objects.filter(user=user), "type", "created_at", "last_used_at"
        ),
        "sessions": _rows(
            UserSession.objects.filter(user=user), "created_at", "last_seen_at", "ip", "user_agent"
        ),
        "connected_accounts": _rows(
            SocialAccount.objects.filter(user=user), "provider", "uid", "date_joined"
        ),
        "memberships": _rows(
            Membership.objects.filter(user=user),
            "organisation__slug",
            "project__slug",
            "role",
            "created_at",
            "expires_at",
        ),
        "invitations": _rows(
            Invitation.objects.filter(email__in=addresses_of(user)),
            "organisation__slug",
            "project__slug",
            "role",
            "created_at",
            "expires_at",
            "accepted_at",
            "withdrawn_at",
        ),
        "api_tokens": _rows(
            ApiToken.objects.filter(user=user),
            "public_id",
            "name",
            "permissions",
            "created_at",
            "expires_at",
            "last_used_at",
            "revoked_at",
        ),
        "billing_identities": _rows(
            BillingIdentity.objects.filter(
                Q(invoice_email__in=addresses_of(user)) | _own_identity(user)
            ),
            "organisation__slug",
            *LENGTHS,
        ),
        "payments": _rows(
            Payment.objects.filter(invoice__organisation__in=_own_organisations(user)),
            "invoice__number",
            "amount",
            "received_on",
            "method",
            "reference",
            "reason",
            "entry__payer",
            "entry__text",
        ),
        "acts": _rows(
            AuditEvent.objects.filter(actor_id=str(user.pk), actor_kind__in=("user", "staff")),
            "at",
            "chain",
            "verb",
            "target_kind",
            "target",
            "project",
            "address",
            "before",
            "after",
        ),
    }


def _own_identity(user: User) -> Q:
    """Of an organisation that is the person: they own it and buy as a consumer."""
    owned = Membership.objects.filter(user=user, project__isnull=True, role=Role.OWNER)
    return Q(
        kind=BillingIdentity.Kind.CONSUMER, organisation_id__in=owned.values("organisation_id")
    )


def _own_organisations(user: User) -> QuerySet[Organisation]:
    """Those that are the person."""
    identities = BillingIdentity.objects.filter(_own_identity(user))
    return Organisation.objects.filter(pk__in=identities.values("organisation"))


def _rows(rows: QuerySet[Any], *fields: str) -> Rows:
    found = rows.order_by("pk").values(*fields)
    return [{name.replace("__slug", ""): value for name, value in row.items()} for row in found]


def organisations_that_keep(user: User) -> list[Organisation]:
    """Those in use whose last owner the person is: they cannot leave before another one is."""
    rows = Membership.objects.filter(user=user, organisation__archived_at__isnull=True)
    rows = rows.select_related("organisation").order_by("organisation__name")
    return [row.organisation for row in rows if not members.keeps_its_owner(row)]
