"""Organisations, projects, members, tokens, service accounts, audit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from portal.api.serializers.common import (
    BOOLEAN,
    FREE,
    INTEGER,
    MOMENT,
    TAGS,
    TEXT,
    Json,
    many,
    maybe,
    moment,
    number,
    one_of,
    ref,
    shape,
)
from portal.tenancy import queries
from portal.tenancy.permissions import Permission, Role
from services.regions.queries import quotas_of_projects
from services.spec import gettext_noop

if TYPE_CHECKING:
    from portal.accounts.models import ApiToken, ServiceAccount
    from portal.audit.models import AuditEvent
    from portal.tenancy.models import Invitation, Membership, Organisation, Project
    from services.regions.models import QuotaRequest
    from services.regions.queries import QuotaLine

QUOTA_NAMES = ("instances", "vcpu", "memory_mib", "storage_gib", "gpu", "public_endpoints")
ROLE = one_of(*Role.values)
PERMISSIONS = many(one_of(*Permission.values))
_AMOUNT: Json = {"type": "number"}

SCHEMAS: dict[str, Json] = {
    "Organisation": shape(
        {
            "slug": TEXT,
            "name": TEXT,
            "country": TEXT,
            "requires_mfa": BOOLEAN,
            "suspended_at": maybe(MOMENT),
            "created_at": MOMENT,
        }
    ),
    "Quota": shape(
        {"region": TEXT, "name": one_of(*QUOTA_NAMES), "limit": _AMOUNT, "used": _AMOUNT}
    ),
    "Project": shape(
        {
            "slug": TEXT,
            "name": TEXT,
            "organisation": TEXT,
            "time_zone": TEXT,
            "quota": many(ref("Quota")),
            "tags": TAGS,
            "created_at": MOMENT,
        }
    ),
    "Member": shape(
        {
            "id": TEXT,
            "email": TEXT,
            "name": TEXT,
            "organisation": TEXT,
            "project": maybe(TEXT),
            "role": ROLE,
            "expires_at": maybe(MOMENT),
            "created_at": MOMENT,
        }
    ),
    "Invitation": shape(
        {
            "id": TEXT,
            "email": TEXT,
            "organisation": TEXT,
            "project": maybe(TEXT),
            "role": ROLE,
            "invited_by": maybe(TEXT),
            "created_at": MOMENT,
            "sent_at": {
                **maybe(MOMENT),
                "description": gettext_noop(
                    "When the mail server took the mail; `null` while it has not."
                ),
            },
            "expires_at": MOMENT,
            "member_expires_at": maybe(MOMENT),
        }
    ),
    "QuotaRequest": shape(
        {
            "id": TEXT,
            "project": TEXT,
            "region": TEXT,
            "name": one_of(*QUOTA_NAMES),
            "limit": _AMOUNT,
            "limit_before": _AMOUNT,
            "limit_granted": maybe(_AMOUNT),
            "reason": TEXT,
            "state": one_of("pending", "approved", "refused", "withdrawn"),
            "answer": TEXT,
            "requested_by": maybe(TEXT),
            "created_at": MOMENT,
            "decided_at": maybe(MOMENT),
        }
    ),
    "Token": shape(
        {
            "id": TEXT,
            "name": TEXT,
            "owner": {
                "type": "string",
                "description": gettext_noop("A person, or a service account."),
            },
            "service_account": maybe(TEXT),
            "organisation": maybe(TEXT),
            "project": maybe(TEXT),
            "permissions": {
                **PERMISSIONS,
                "description": gettext_noop("Empty: all that its owner has."),
            },
            "created_at": MOMENT,
            "expires_at": maybe(MOMENT),
            "last_used_at": maybe(MOMENT),
            "token": {
                "type": "string",
                "description": gettext_noop("Only in the first answer to a POST."),
            },
        },
        optional=("token",),
    ),
    "ServiceAccount": shape(
        {
            "id": TEXT,
            "name": TEXT,
            "organisation": TEXT,
            "project": maybe(TEXT),
            "role": ROLE,
            "created_at": MOMENT,
        }
    ),
    "AuditEvent": shape(
        {
            "sequence": INTEGER,
            "at": MOMENT,
            "actor": shape({"kind": TEXT, "name": TEXT}),
            "on_behalf_of": TEXT,
            "address": TEXT,
            "token": TEXT,
            "request_id": TEXT,
            "verb": TEXT,
            "target": shape({"kind": TEXT, "id": TEXT}),
            "project": TEXT,
            "before": FREE,
            "after": FREE,
            "reason": TEXT,
            "hash": TEXT,
        }
    ),
}


def organisation(row: Organisation) -> Json:
    return {
        "slug": row.slug,
        "name": row.name,
        "country": row.country,
        "requires_mfa": row.requires_mfa,
        "suspended_at": moment(row.suspended_at),
        "created_at": moment(row.created_at),
    }


def organisations(rows: Sequence[Organisation]) -> list[Json]:
    return [organisation(row) for row in rows]


def projects(rows: Sequence[Project]) -> list[Json]:
    """One query for all quotas."""
    quotas = quotas_of_projects(rows)
    return [
        {
            "slug": row.slug,
            "name": row.name,
            "organisation": row.organisation.slug,
            "time_zone": row.time_zone,
            "quota": [quota_line(line) for line in quotas[row.pk]],
            "tags": row.tags,
            "created_at": moment(row.created_at),
        }
        for row in rows
    ]


def project(row: Project) -> Json:
    return projects([row])[0]


def quota_line(line: QuotaLine) -> Json:
    return {
        "region": line.region,
        "name": line.name,
        "limit": number(line.limit),
        "used": number(line.used),
    }


def member(row: Membership) -> Json:
    return {
        "id": row.public_id,
        "email": row.user.email,
        "name": row.user.name,
        "organisation": row.organisation.slug,
        "project": row.project.slug if row.project else None,
        "role": row.role,
        "expires_at": moment(row.expires_at),
        "created_at": moment(row.created_at),
    }


def members(rows: Sequence[Membership]) -> list[Json]:
    return [member(row) for row in rows]


def invitation(row: Invitation) -> Json:
    return {
        "id": row.public_id,
        "email": row.email,
        "organisation": row.organisation.slug,
        "project": row.project.slug if row.project else None,
        "role": row.role,
        "invited_by": row.invited_by.email if row.invited_by else None,
        "created_at": moment(row.created_at),
        "sent_at": moment(row.sent_at),
        "expires_at": moment(row.expires_at),
        "member_expires_at": moment(row.member_expires_at),
    }


def invitations(rows: Sequence[Invitation]) -> list[Json]:
    return [invitation(row) for row in rows]


def quota_request(row: QuotaRequest) -> Json:
    granted = row.limit_granted
    return {
        "id": row.public_id,
        "project": row.project.slug,
        "region": row.region.code,
        "name": row.name,
        "limit": number(row.limit),
        "limit_before": number(row.limit_before),
        "limit_granted": None if granted is None else number(granted),
        "reason": row.reason,
        "state": row.state,
        "answer": row.answer,
        "requested_by": row.requested_by.email if row.requested_by else None,
        "created_at": moment(row.created_at),
        "decided_at": moment(row.decided_at),
    }


def quota_requests(rows: Sequence[QuotaRequest]) -> list[Json]:
    return [quota_request(row) for row in rows]


def token(row: ApiToken, text: str = "") -> Json:
    """`text` is there once: when it was made."""
    account = row.service_account
    shown: Json = {
        "id": row.public_id,
        "name": row.name,
        "owner": account.name if account else str(row.user.email if row.user else ""),
        "service_account": account.public_id if account else None,
        "organisation": row.organisation.slug if row.organisation else None,
        "project": row.project.slug if row.project else None,
        "permissions": row.permissions,
        "created_at": moment(row.created_at),
        "expires_at": moment(row.expires_at),
        "last_used_at": moment(row.last_used_at),
    }
    return shown | {"token": text} if text else shown


def tokens(rows: Sequence[ApiToken]) -> list[Json]:
    return [token(row) for row in rows]


def service_account(row: ServiceAccount) -> Json:
    return {
        "id": row.public_id,
        "name": row.name,
        "organisation": row.organisation.slug,
        "project": row.project.slug if row.project else None,
        "role": row.role,
        "created_at": moment(row.created_at),
    }


def service_accounts(rows: Sequence[ServiceAccount]) -> list[Json]:
    return [service_account(row) for row in rows]


def audit_events(rows: Sequence[AuditEvent]) -> list[Json]:
    """One query for the names of members: the trail keeps their database keys, which stay here."""
    keys = {int(row.target) for row in rows if _is_person(row)}
    emails = queries.emails_of(keys) if keys else {}
    return [
        {
            "sequence": row.sequence,
            "at": moment(row.at),
            "actor": {"kind": row.actor_kind, "name": row.actor_name},
            "on_behalf_of": row.on_behalf_of,
            "address": row.address,
            "token": row.token,
            "request_id": row.request_id,
            "verb": row.verb,
            "target": {
                "kind": row.target_kind,
                "id": emails.get(int(row.target), "") if _is_person(row) else row.target,
            },
            "project": row.project,
            "before": row.before,
            "after": row.after,
            "reason": row.reason,
            "hash": row.hash,
        }
        for row in rows
    ]


def _is_person(row: AuditEvent) -> bool:
    return row.target.isdigit()
