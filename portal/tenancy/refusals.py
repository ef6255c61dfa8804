"""The sentences of a refusal: which right is missing, which roles hold it, who can give it."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Q
from django.utils.translation import gettext as _

from portal.kernel import clock
from portal.kernel.actor import Actor
from portal.kernel.errors import NotFound, NotPermitted
from portal.tenancy.models import Membership, Organisation, Project
from portal.tenancy.permissions import GRANTS, VIEWS, Permission, Role, roles_with

_MOST_NAMED = 3


def no_project(slug: str) -> NotFound:
    """For whoever may not know whether it exists."""
    return NotFound(
        _("There is no project “%(slug)s” here, or you may not see it.") % {"slug": slug},
        hint=_("Check its name, or ask a member to invite you."),
    )


def no_organisation(slug: str) -> NotFound:
    """For whoever may not know whether it exists."""
    return NotFound(
        _("There is no organisation “%(slug)s” here, or you may not see it.") % {"slug": slug},
        hint=_("Check its name, or ask a member to invite you."),
    )


def second_factor_needed(organisation: Organisation) -> NotPermitted:
    """For a member of an organisation that requires one."""
    return NotPermitted(
        _("%(name)s opens only to members with a second factor, and you have none yet.")
        % {"name": organisation.name},
        hint=_("Add an authenticator app or a passkey to your account."),
        code="second-factor-required",
    )


def refusal(
    permission: Permission,
    roles: Iterable[str],
    organisation: Organisation,
    project: Project | None = None,
    *,
    looking: bool = False,
) -> NotPermitted:
    """Why a member with `roles` may not: suspension, the token (or that staff is `looking` as the
    member), or the role (then one query).
    """
    if organisation.suspended_at is not None and permission not in VIEWS:
        return NotPermitted(
            _("%(name)s is suspended: nothing can be changed.") % {"name": organisation.name},
            hint=_("Ask the provider to lift the suspension."),
            code="suspended",
        )
    held = any(permission in GRANTS[Role(role)] for role in roles)
    if held and looking:
        return while_looking(permission.value)
    if held:
        return NotPermitted(
            _("This token does not hold the permission “%(permission)s” here.")
            % {"permission": permission.value},
            hint=_("Create a token whose permissions and bounds include it, or sign in."),
            permission=permission.value,
        )
    holders = ", ".join(role.value for role in roles_with(permission))
    who = ", ".join(_who_can_give(permission, organisation, project))
    return NotPermitted(
        _("You need the permission “%(permission)s” here. It comes with the roles: %(roles)s.")
        % {"permission": permission.value, "roles": holders},
        hint=_("Ask %(names)s for it.") % {"names": who or _("the provider")},
        permission=permission.value,
        project=project.slug if project else "",
    )


def while_looking(permission: str = "") -> NotPermitted:
    """For staff that looks as a member."""
    return NotPermitted(
        _("While you look as somebody else, this is not possible."),
        hint=_("Ask them to do it, or end looking as somebody else and act as staff."),
        permission=permission,
    )


def refuse_while_looking(actor: Actor) -> None:
    """For whatever shows a secret: nobody gets to see one by looking as somebody else, whatever
    rights the actor holds. Raises: NotPermitted.
    """
    if actor.is_impersonating:
        raise while_looking()


def _who_can_give(
    permission: Permission, organisation: Organisation, project: Project | None
) -> list[str]:
    """Members who manage members here and hold `permission` themselves."""
    able = [r for r in roles_with(permission) if Permission.MEMBER_MANAGE in GRANTS[r]]
    here = Q(project__isnull=True)
    if project is not None:
        here |= Q(project=project)
    lasting = Q(expires_at__isnull=True) | Q(expires_at__gt=clock.now())
    rows = Membership.objects.filter(
        here, lasting, organisation=organisation, role__in=able, user__is_active=True
    ).select_related("user")
    return [str(row.user) for row in rows.order_by("id")[:_MOST_NAMED]]
