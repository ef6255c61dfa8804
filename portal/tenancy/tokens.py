"""Tokens and service accounts: made, listed and ended. (Their check at the door is
portal.accounts.tokens.)
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from portal.accounts.models import ApiToken, ServiceAccount
from portal.accounts.tokens import new_text
from portal.audit.actions import PROVIDER, record
from portal.kernel import clock, crypto, ids
from portal.kernel.actor import Actor
from portal.kernel.errors import Conflict, Invalid, NotFound, NotPermitted
from portal.tenancy import access
from portal.tenancy.models import Organisation, Project
from portal.tenancy.permissions import GRANTS, Permission, Role
from portal.tenancy.refusals import refuse_while_looking

MOST_NAME = 80


@transaction.atomic
def create_token(
    *,
    actor: Actor,
    name: str,
    permissions: Collection[str] = (),
    organisation: Organisation | None = None,
    project: Project | None = None,
    expires_at: datetime | None = None,
    service_account: ServiceAccount | None = None,
) -> tuple[ApiToken, str]:
    """A token of the actor, or of a service account they manage, and its text, which is shown once.

    Empty `permissions` means all that its owner has. A token never holds more than its maker; one
    made with a token keeps its scopes and bounds and ends no later.
    Raises: Invalid, NotPermitted, NotFound.
    """
    refuse_while_looking(actor)
    _check_fields(name, permissions, expires_at)
    scopes = _bounded(actor, set(permissions))
    expires_at = _ends_with_maker(actor, expires_at)
    if service_account is not None:
        _may_hold_for(actor, service_account, scopes)
    elif actor.user_id is None:
        raise NotPermitted(
            _("A service account cannot make tokens for itself."),
            hint=_("Ask a person who manages its tokens."),
        )
    organisation = _organisation_of(actor, organisation, project, service_account)
    text = new_text()
    token = ApiToken.objects.create(
        public_id=ids.public_id("tk"),
        name=name.strip(),
        digest=crypto.digest(text),
        user_id=actor.user_id if service_account is None else None,
        service_account=service_account,
        organisation_id=organisation.pk if organisation else actor.organisation_id,
        project_id=project.pk if project else actor.project_id,
        permissions=sorted(scopes),
        expires_at=expires_at,
    )
    record(
        actor,
        "token.create",
        "token",
        token.public_id,
        chain=organisation.slug if organisation else PROVIDER,
        project=project.slug if project else "",
        after={"name": token.name, "permissions": token.permissions},
    )
    return token, text


def name_faults(name: str) -> dict[str, str]:
    """Faults of the name of a token or a service account."""
    if name.strip() and len(name) <= MOST_NAME and "\0" not in name:
        return {}
    return {"name": _("Give it a name of at most %(most)s characters.") % {"most": MOST_NAME}}


def _check_fields(name: str, permissions: Collection[str], expires_at: datetime | None) -> None:
    faults: dict[str, str] = {}
    faults |= name_faults(name)
    unknown = [p for p in permissions if p not in Permission.values]
    if unknown:
        faults["permissions"] = _("There is no permission “%(name)s”.") % {"name": unknown[0]}
    if expires_at is not None and expires_at <= clock.now():
        faults["expires_at"] = _("Choose a time that is still to come.")
    if faults:
        raise Invalid(faults)


def _organisation_of(
    actor: Actor,
    organisation: Organisation | None,
    project: Project | None,
    account: ServiceAccount | None,
) -> Organisation | None:
    """The organisation that bounds the token: the one named, or that of its project or account.

    Raises: NotFound for what the actor may not see, Invalid when they do not agree.
    """
    if project is not None:
        access.require(actor, project, Permission.PROJECT_VIEW)
    elif organisation is not None:
        access.require_in_organisation(actor, organisation, Permission.ORGANISATION_VIEW)
    places = [account.organisation] if account else []
    places += [project.organisation] if project else []
    places += [organisation] if organisation else []
    if len({place.pk for place in places}) > 1:
        raise Invalid({"project": _("This project belongs to another organisation.")})
    return places[0] if places else None


def _may_hold_for(actor: Actor, account: ServiceAccount, scopes: set[str]) -> None:
    """Refuses a token through which `actor` would do what they may not do themselves."""
    access.require_in_organisation(actor, account.organisation, Permission.TOKEN_MANAGE)
    held = access.permissions_in_organisation(actor, account.organisation)
    given = GRANTS[Role(account.role)]
    if scopes:
        given = frozenset(p for p in given if p.value in scopes)
    if account.disabled_at is not None:
        raise Conflict(
            _("The service account “%(name)s” was disabled.") % {"name": account.name},
            hint=_("Create another one."),
        )
    if not given <= held:
        raise NotPermitted(
            _("“%(name)s” has the role “%(role)s”, which holds more rights than you do.")
            % {"name": account.name, "role": account.role},
            hint=_("Choose permissions that you hold yourself, or ask an owner."),
        )


def _ends_with_maker(actor: Actor, expires_at: datetime | None) -> datetime | None:
    """The end asked for, or that of the token which makes the new one, when that is sooner."""
    if not actor.token_id:
        return expires_at
    maker = ApiToken.objects.get(public_id=actor.token_id)
    ends = [moment for moment in (expires_at, maker.expires_at) if moment is not None]
    return min(ends, default=None)


def _bounded(actor: Actor, wanted: set[str]) -> set[str]:
    """The scopes of the new token. Only a token with `token.manage` makes others."""
    if actor.scopes is None:
        return wanted
    if Permission.TOKEN_MANAGE.value not in actor.scopes:
        raise _token_may_not()
    if not wanted:
        return set(actor.scopes)
    beyond = wanted - actor.scopes
    if beyond:
        raise NotPermitted(
            _("This token cannot hand on “%(name)s”: it does not hold it.")
            % {"name": sorted(beyond)[0]},
            hint=_("Make the new token with your own session instead."),
        )
    return wanted


@transaction.atomic
def revoke_token(*, actor: Actor, token: ApiToken) -> None:
    """Ends a token at once. Raises: NotPermitted, NotFound for one that is not the actor's."""
    if token.revoked_at is not None:
        return
    itself = bool(actor.token_id) and actor.token_id == token.public_id
    scoped = actor.scopes is not None and Permission.TOKEN_MANAGE.value not in actor.scopes
    if scoped and not itself:
        raise _token_may_not()
    if token.service_account is not None and not itself:
        place = token.service_account.organisation
        access.require_in_organisation(actor, place, Permission.TOKEN_MANAGE)
    elif not itself and (actor.user_id is None or token.user_id != actor.user_id):
        raise _no_token(token.public_id)
    token.revoked_at = clock.now()
    token.save(update_fields=["revoked_at"])
    chain = token.organisation.slug if token.organisation else PROVIDER
    record(
        actor, "token.revoke", "token", token.public_id, chain=chain, before={"name": token.name}
    )


def tokens_for(actor: Actor) -> QuerySet[ApiToken]:
    """The actor's own tokens and those of service accounts that they manage, newest first; ended
    ones left out.
    """
    managed = access.organisations(actor, Permission.TOKEN_MANAGE)
    own = Q(user_id=actor.user_id) if actor.user_id is not None else Q(pk__in=[])
    rows = ApiToken.objects.filter(own | Q(service_account__organisation__in=managed))
    if actor.organisation_id is not None:
        rows = rows.filter(organisation_id=actor.organisation_id)
    return (
        rows.filter(revoked_at__isnull=True)
        .select_related("user", "service_account", "organisation", "project")
        .order_by("-id")
    )


def token_for(actor: Actor, public_id: str) -> ApiToken:
    """Raises: NotFound."""
    found = tokens_for(actor).filter(public_id=public_id).first()
    if found is None:
        raise _no_token(public_id)
    return found


def _no_token(public_id: str) -> NotFound:
    return NotFound(
        _("There is no token “%(id)s”, or you may not see it.") % {"id": public_id},
        hint=_("See the list of your tokens."),
    )


def _token_may_not() -> NotPermitted:
    return NotPermitted(
        _("This token does not hold the permission “token.manage”: it cannot make or end tokens."),
        hint=_("Do it with your own session instead."),
        permission=Permission.TOKEN_MANAGE.value,
    )


@transaction.atomic
def create_service_account(
    *,
    actor: Actor,
    organisation: Organisation,
    name: str,
    role: str,
    project: Project | None = None,
) -> ServiceAccount:
    """Raises: NotPermitted, Invalid. It may never hold more than its maker."""
    access.require_in_organisation(actor, organisation, Permission.TOKEN_MANAGE)
    faults: dict[str, str] = {}
    faults |= name_faults(name)
    if role not in Role.values:
        faults["role"] = _("Choose one of %(roles)s.") % {"roles": ", ".join(Role.values)}
    elif not GRANTS[Role(role)] <= access.permissions_in_organisation(actor, organisation):
        faults["role"] = _("You cannot give more rights than you have.")
    if project is not None and project.organisation_id != organisation.pk:
        faults["project"] = _("This project belongs to another organisation.")
    if faults:
        raise Invalid(faults)
    try:
        with transaction.atomic():
            account = ServiceAccount.objects.create(
                organisation=organisation,
                public_id=ids.public_id("sa"),
                name=name.strip(),
                role=role,
                project=project,
            )
    except IntegrityError as error:
        raise Invalid({"name": _("“%(name)s” is already in use.") % {"name": name}}) from error
    record(
        actor,
        "service_account.create",
        "service_account",
        account.public_id,
        chain=organisation.slug,
        project=project.slug if project else "",
        after={"name": account.name, "role": role},
    )
    return account


@transaction.atomic
def disable_service_account(*, actor: Actor, account: ServiceAccount) -> None:
    """Ends a service account with all its tokens."""
    access.require_in_organisation(actor, account.organisation, Permission.TOKEN_MANAGE)
    if account.disabled_at is None:
        account.disabled_at = clock.now()
        account.save(update_fields=["disabled_at"])
        slug = account.organisation.slug
        record(actor, "service_account.disable", "service_account", account.public_id, chain=slug)


def service_accounts_for(actor: Actor) -> QuerySet[ServiceAccount]:
    """Those of the organisations whose tokens the actor manages."""
    managed = access.organisations(actor, Permission.TOKEN_MANAGE)
    rows = ServiceAccount.objects.filter(organisation__in=managed, disabled_at__isnull=True)
    return rows.select_related("organisation", "project").order_by("-id")


def service_account_for(actor: Actor, public_id: str) -> ServiceAccount:
    """Raises: NotFound."""
    found = service_accounts_for(actor).filter(public_id=public_id).first()
    if found is None:
        raise NotFound(
            _("There is no service account “%(id)s”, or you may not see it.") % {"id": public_id},
            hint=_("See the list of service accounts."),
        )
    return found
