"""What a role may do. Token scopes are the same names."""

from __future__ import annotations

from django.db import models


class Permission(models.TextChoices):
    ORGANISATION_VIEW = "organisation.view"
    ORGANISATION_UPDATE = "organisation.update"
    ORGANISATION_DELETE = "organisation.delete"
    PROJECT_VIEW = "project.view"
    PROJECT_CREATE = "project.create"
    PROJECT_UPDATE = "project.update"
    MEMBER_VIEW = "member.view"
    MEMBER_MANAGE = "member.manage"
    OWNER_MANAGE = "owner.manage"
    TOKEN_MANAGE = "token.manage"  # noqa: S105  # a name, not a secret
    AUDIT_VIEW = "audit.view"
    QUOTA_REQUEST = "quota.request"
    INSTANCE_VIEW = "instance.view"
    INSTANCE_CREATE = "instance.create"
    INSTANCE_UPDATE = "instance.update"
    INSTANCE_DELETE = "instance.delete"
    OPERATION_VIEW = "operation.view"
    OPERATION_MANAGE = "operation.manage"
    CREDENTIAL_REVEAL = "credential.reveal"
    COST_VIEW = "cost.view"
    INVOICE_VIEW = "invoice.view"
    BILLING_MANAGE = "billing.manage"


class Role(models.TextChoices):
    OWNER = "owner"
    ADMIN = "admin"
    OPERATOR = "operator"
    BILLING = "billing"
    VIEWER = "viewer"


_P = Permission
_SEE = frozenset({_P.ORGANISATION_VIEW, _P.PROJECT_VIEW})
_OPERATE = frozenset(
    {
        _P.INSTANCE_VIEW,
        _P.INSTANCE_CREATE,
        _P.INSTANCE_UPDATE,
        _P.INSTANCE_DELETE,
        _P.OPERATION_VIEW,
        _P.OPERATION_MANAGE,
        _P.CREDENTIAL_REVEAL,
        _P.COST_VIEW,
    }
)

GRANTS: dict[Role, frozenset[Permission]] = {
    Role.OWNER: frozenset(Permission),
    Role.ADMIN: frozenset(Permission)
    - {_P.ORGANISATION_DELETE, _P.OWNER_MANAGE, _P.BILLING_MANAGE},
    Role.OPERATOR: _SEE | _OPERATE,
    Role.BILLING: _SEE | {_P.COST_VIEW, _P.INVOICE_VIEW, _P.BILLING_MANAGE},
    Role.VIEWER: _SEE | {_P.INSTANCE_VIEW, _P.OPERATION_VIEW, _P.COST_VIEW},
}

# All that is left while an organisation is suspended.
VIEWS = frozenset(p for p in Permission if p.value.endswith(".view"))


def roles_with(permission: Permission) -> tuple[Role, ...]:
    """The roles that hold `permission`, most powerful first."""
    return tuple(role for role in Role if permission in GRANTS[role])
