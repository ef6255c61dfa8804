"""The page of API tokens and service accounts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.utils.translation import gettext as _

from portal.kernel import clock
from portal.kernel.actor import Actor
from portal.kernel.errors import Invalid
from portal.tenancy import access, tokens
from portal.tenancy.permissions import GRANTS, VIEWS, Permission, Role
from portal.tenancy.texts import permission_label, permissions_by_noun, role_label

if TYPE_CHECKING:
    from django.http import QueryDict

    from portal.accounts.models import ApiToken
    from portal.tenancy.models import Project

ME = "me"
_DAYS = (30, 90, 365)
_USUAL_DAYS = 90
_DEPLOY = frozenset(p for p in Permission if p.value.startswith(("instance.", "operation.")))


def listing(actor: Actor, project: Project) -> dict[str, Any]:
    """Context of console/tokens.html."""
    held = access.permissions_in_organisation(actor, project.organisation)
    rows = list(tokens.tokens_for(actor))
    return {
        "project": project,
        "mine": [_row(row) for row in rows if row.user_id is not None],
        "accounts": [
            {
                "account": account,
                "role": role_label(account.role),
                "tokens": [_row(row) for row in rows if row.service_account_id == account.pk],
            }
            for account in tokens.service_accounts_for(actor)
        ],
        "may_manage": Permission.TOKEN_MANAGE in held,
    }


def _row(token: ApiToken) -> dict[str, Any]:
    return {
        "token": token,
        "ended": token.expires_at is not None and token.expires_at <= clock.now(),
        "rights": [permission_label(name) for name in token.permissions],
    }


def form(
    actor: Actor,
    project: Project,
    preset: str,
    typed: QueryDict | None = None,
    errors: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Context of console/token_new.html; `preset` is `all`, `read` or `deploy`."""
    held = access.permissions_in(actor, project)
    chosen = set(typed.getlist("permissions")) if typed else _of_preset(preset, held)
    return {
        "project": project,
        "typed": typed or {"holder": ME, "bound": "project", "days": str(_USUAL_DAYS)},
        "errors": errors or {},
        "preset": preset,
        "presets": (
            ("all", _("Everything I may do")),
            ("read", _("Read only")),
            ("deploy", _("Deploy services")),
        ),
        "groups": [
            (noun, [(p.value, permission_label(p), p.value in chosen) for p in rights if p in held])
            for noun, rights in permissions_by_noun()
            if any(p in held for p in rights)
        ],
        "accounts": list(
            tokens.service_accounts_for(actor).filter(organisation=project.organisation)
        ),
        "days": _DAYS,
    }


def _of_preset(preset: str, held: frozenset[Permission]) -> set[str]:
    wanted = {"read": VIEWS, "deploy": _DEPLOY | VIEWS}.get(preset, frozenset())
    return {p.value for p in held & wanted}


def make(actor: Actor, project: Project, typed: QueryDict) -> tuple[ApiToken, str]:
    """The token that the form asks for, and its text. Raises: Invalid, NotPermitted, NotFound."""
    holder = typed.get("holder", ME)
    days = typed.get("days", str(_USUAL_DAYS))
    if days not in [str(n) for n in _DAYS]:
        raise Invalid({"days": _("Choose one of the periods.")})
    account = None if holder == ME else tokens.service_account_for(actor, holder)
    return tokens.create_token(
        actor=actor,
        name=typed.get("name", ""),
        permissions=typed.getlist("permissions"),
        organisation=project.organisation,
        project=project if typed.get("bound") == "project" else None,
        expires_at=clock.now() + timedelta(days=int(days)),
        service_account=account,
    )


def sample(text: str) -> str:
    """A first call with the token."""
    return f'curl -H "Authorization: Bearer {text}" {settings.POLDER_URL}/api/v1/instances'


def account_form(
    actor: Actor,
    project: Project,
    typed: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Context of console/service_account_new.html: the roles that the actor may hand on."""
    held = access.permissions_in_organisation(actor, project.organisation)
    return {
        "project": project,
        "typed": typed or {"bound": "project"},
        "errors": errors or {},
        "roles": [(role.value, role_label(role)) for role in Role if GRANTS[role] <= held],
    }
