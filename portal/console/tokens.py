"""The page of API tokens and service accounts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.utils.translation import gettext as _

from portal.console.attempts import attempt
from portal.console.members import read_until, role_choices
from portal.kernel import clock
from portal.kernel.actor import Actor
from portal.kernel.errors import Invalid
from portal.tenancy import access, tokens
from portal.tenancy.permissions import VIEWS, Permission, Role
from portal.tenancy.texts import permission_label, permissions_by_noun, role_label

if TYPE_CHECKING:
    from django.http import QueryDict

    from portal.accounts.models import ApiToken
    from portal.tenancy.models import Project

ME = "me"
SOME = "some"
_OTHER_DAY = "day"
_DAYS = (30, 90, 365)
_USUAL_DAYS = 90
_DEPLOY = frozenset(p for p in Permission if p.value.startswith(("instance.", "operation.")))
_PRESETS = {"read": VIEWS, "deploy": _DEPLOY | VIEWS}


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
    asked: Mapping[str, str],
    typed: QueryDict | None = None,
    errors: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Context of console/token_new.html; `asked` may name a holder and a preset of rights."""
    held = access.permissions_in(actor, project)
    chosen = set(typed.getlist("permissions")) if typed else set[str]()
    usual = {"holder": ME, "bound": "project", "days": str(_USUAL_DAYS), "preset": "read"}
    shown: Mapping[str, Any] = typed or usual | {k: v for k, v in asked.items() if v}
    preset = shown.get("preset", SOME)
    return {
        "project": project,
        "typed": shown,
        "errors": errors or {},
        "presets": [
            (key, words, note, key == preset)
            for key, words, note in (
                ("read", _("Read only"), _("Sees what you see, changes nothing.")),
                ("deploy", _("Deploy"), _("Orders, changes and deletes services.")),
                ("all", _("Everything its owner may"), _("Also what is added later.")),
                (SOME, _("Choose rights"), _("Tick them one by one.")),
            )
        ],
        "whole": shown.get("bound") == "organisation",
        "only": shown.get("bound") != "organisation",
        "groups": [
            (noun, [(p.value, permission_label(p), p.value in chosen) for p in rights if p in held])
            for noun, rights in permissions_by_noun()
            if any(p in held for p in rights)
        ],
        "accounts": list(
            tokens.service_accounts_for(actor).filter(organisation=project.organisation)
        ),
        "days": [(str(n), n) for n in _DAYS],
        "other_day": _OTHER_DAY,
    }


def _rights(actor: Actor, project: Project, typed: QueryDict) -> list[str]:
    """Names of permissions; none stands for all that the owner has. Raises: Invalid."""
    preset, ticked = typed.get("preset", SOME), typed.getlist("permissions")
    if preset == "all":
        return []
    if preset in _PRESETS:
        held = access.permissions_in(actor, project)
        return [p.value for p in Permission if p in held & _PRESETS[preset]]
    if not ticked:
        raise Invalid({"permissions": _("Tick at least one right, or choose one of the others.")})
    return ticked


def _end(typed: QueryDict) -> datetime:
    """Raises: Invalid."""
    days = typed.get("days", "")
    if days in [str(n) for n in _DAYS]:
        return clock.now() + timedelta(days=int(days))
    until = read_until(typed.get("until", ""), "days") if days == _OTHER_DAY else None
    if until is None:
        raise Invalid({"days": _("Choose one of the periods, or give a day.")})
    return until


def make(actor: Actor, project: Project, typed: QueryDict) -> tuple[ApiToken, str]:
    """The token that the form asks for, and its text. Raises: Invalid, NotPermitted, NotFound."""
    holder = typed.get("holder", ME)
    account = None if holder == ME else tokens.service_account_for(actor, holder)
    (rights, end), faults = _read(actor, project, typed)
    faults |= tokens.name_faults(typed.get("name", ""))
    if faults:
        raise Invalid(faults)
    return tokens.create_token(
        actor=actor,
        name=typed.get("name", ""),
        permissions=rights,
        organisation=project.organisation,
        project=project if typed.get("bound") == "project" else None,
        expires_at=end,
        service_account=account,
    )


def _read(
    actor: Actor, project: Project, typed: QueryDict
) -> tuple[tuple[list[str], datetime | None], dict[str, str]]:
    """Rights and end as they were typed, and every fault of both."""
    rights, faults = attempt(lambda: _rights(actor, project, typed))
    end, more = attempt(lambda: _end(typed))
    return (rights or [], end), faults | more


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
        "roles": role_choices(held, (typed or {}).get("role", Role.OPERATOR.value)),
        "whole": (typed or {}).get("bound") == "organisation",
        "only": (typed or {}).get("bound") != "organisation",
    }
