"""Roles and permissions in words, for pages and mails. Their names are public; these are not."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from portal.tenancy.permissions import Permission, Role

_P = Permission

# Role → (its name, what it is for).
_ROLES: dict[str, tuple[str, str]] = {
    Role.OWNER: (gettext_noop("Owner"), gettext_noop("Everything, owners and money included.")),
    Role.ADMIN: (
        gettext_noop("Admin"),
        gettext_noop("Everything but owners, billing and the end of the organisation."),
    ),
    Role.OPERATOR: (
        gettext_noop("Operator"),
        gettext_noop("Orders, changes and deletes services and sees their passwords."),
    ),
    Role.BILLING: (gettext_noop("Billing"), gettext_noop("Costs and invoices, no services.")),
    Role.VIEWER: (
        gettext_noop("Viewer"),
        gettext_noop("Sees services and costs, changes nothing and sees no passwords."),
    ),
}

# What permissions are about, in the order in which people think of it.
_NOUNS: dict[str, str] = {
    "instance": gettext_noop("Services"),
    "credential": gettext_noop("Services"),
    "operation": gettext_noop("Operations"),
    "project": gettext_noop("Projects and quotas"),
    "quota": gettext_noop("Projects and quotas"),
    "member": gettext_noop("People and access"),
    "owner": gettext_noop("People and access"),
    "token": gettext_noop("People and access"),
    "audit": gettext_noop("People and access"),
    "organisation": gettext_noop("Organisation"),
    "cost": gettext_noop("Money"),
    "invoice": gettext_noop("Money"),
    "billing": gettext_noop("Money"),
}

_PERMISSIONS: dict[str, str] = {
    _P.INSTANCE_VIEW: gettext_noop("See services"),
    _P.INSTANCE_CREATE: gettext_noop("Order services"),
    _P.INSTANCE_UPDATE: gettext_noop("Change, pause and resume services"),
    _P.INSTANCE_DELETE: gettext_noop("Delete services"),
    _P.CREDENTIAL_REVEAL: gettext_noop("See passwords"),
    _P.OPERATION_VIEW: gettext_noop("See operations"),
    _P.OPERATION_MANAGE: gettext_noop("Cancel and retry operations"),
    _P.PROJECT_VIEW: gettext_noop("See projects"),
    _P.PROJECT_CREATE: gettext_noop("Create projects"),
    _P.PROJECT_UPDATE: gettext_noop("Change and archive projects"),
    _P.QUOTA_REQUEST: gettext_noop("Ask for more quota"),
    _P.MEMBER_VIEW: gettext_noop("See members"),
    _P.MEMBER_MANAGE: gettext_noop("Invite, change and remove members"),
    _P.OWNER_MANAGE: gettext_noop("Change and remove owners"),
    _P.TOKEN_MANAGE: gettext_noop("Manage service accounts and tokens"),
    _P.AUDIT_VIEW: gettext_noop("Read the audit log"),
    _P.ORGANISATION_VIEW: gettext_noop("See the organisation"),
    _P.ORGANISATION_UPDATE: gettext_noop("Change the organisation"),
    _P.ORGANISATION_DELETE: gettext_noop("Archive the organisation"),
    _P.COST_VIEW: gettext_noop("See costs"),
    _P.INVOICE_VIEW: gettext_noop("See invoices"),
    _P.BILLING_MANAGE: gettext_noop("Manage budgets and billing details"),
}


def role_label(role: str) -> str:
    """The name of a role, in the reader's language."""
    return _(_ROLES[role][0]) if role in _ROLES else role


def role_text(role: str) -> str:
    """What a role is for, in one sentence."""
    return _(_ROLES[role][1]) if role in _ROLES else ""


def permission_label(permission: str) -> str:
    """What a permission lets people do; the name of one that has no words yet."""
    return _(_PERMISSIONS.get(permission, permission))


def permissions_by_noun() -> list[tuple[str, list[Permission]]]:
    """Every permission under what it is about."""
    groups: dict[str, list[Permission]] = {_(label): [] for label in _NOUNS.values()}
    known = [*_PERMISSIONS, *(p for p in Permission.values if p not in _PERMISSIONS)]
    for name in known:
        noun = name.partition(".")[0]
        groups.setdefault(_(_NOUNS.get(noun, noun)), []).append(Permission(name))
    return list(groups.items())
