"""The pages about people: members, invitations, and what each role may do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any

from django.core.paginator import Paginator
from django.urls import reverse
from django.utils.translation import gettext as _

from portal.accounts import people, second_factor
from portal.kernel.actor import Actor
from portal.kernel.errors import Invalid
from portal.tenancy import access, members, queries
from portal.tenancy.permissions import GRANTS, Permission, Role
from portal.tenancy.texts import permission_label, permissions_by_noun, role_label, role_text

if TYPE_CHECKING:
    from portal.tenancy.models import Invitation, Membership, Organisation, Project

_PER_PAGE = 50
WHOLE = "organisation"


@dataclass(frozen=True, slots=True)
class RoleChoice:
    """A role as a row to choose; `note` says why it cannot be."""

    role: str
    label: str
    text: str
    chosen: bool
    note: str


def listing(
    actor: Actor, organisation: Organisation, project: Project | None, asked: Mapping[str, str]
) -> dict[str, Any]:
    """Context of console/members.html: all members of the organisation, or, for whoever may only
    see those of `project`, the ones there. Raises: NotPermitted.
    """
    held = access.permissions_in_organisation(actor, organisation)
    if Permission.MEMBER_VIEW in held or project is None:
        rows = queries.members_for(actor, organisation)
        waiting = queries.invitations_for(actor, organisation)
    else:
        rows = queries.members_in(actor, project)
        waiting = queries.invitations_in(actor, project)
    word = asked.get("q", "").replace("\0", "").strip()
    found = Paginator(queries.matching(rows, word), _PER_PAGE).get_page(asked.get("page"))
    manages = held if project is None else held | access.permissions_in(actor, project)
    return {
        "organisation": organisation,
        "query": word,
        "found": found,
        "rows": _member_rows(list(found)),
        "invitations": [_invitation_row(one) for one in waiting],
        "may_manage": Permission.MEMBER_MANAGE in manages,
    }


def _member_rows(found: list[Membership]) -> list[dict[str, Any]]:
    keys = [member.user_id for member in found]
    guarded, seen = second_factor.holders(keys), people.last_seen(keys)
    return [
        {
            "member": member,
            "role": role_label(member.role),
            "guarded": member.user_id in guarded,
            "seen": seen.get(member.user_id),
            "url": reverse("console:member", args=[member.public_id]),
        }
        for member in found
    ]


def _invitation_row(invitation: Invitation) -> dict[str, Any]:
    return {
        "invitation": invitation,
        "role": role_label(invitation.role),
        "over": invitation.expires_at <= datetime.now(UTC),
    }


def member(
    actor: Actor,
    member: Membership,
    typed: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Context of console/member.html; `typed` is what came back with `errors`."""
    held = access.permissions_at(actor, member.organisation, member.project)
    myself = member.user_id == actor.user_id
    stored = {"role": member.role, "until": _day(member.expires_at)}
    shown = stored | dict(typed or {})
    return {
        "member": member,
        "role": role_label(member.role),
        "guarded": second_factor.has_one(member.user),
        "seen": people.last_seen([member.user_id]).get(member.user_id),
        "myself": myself,
        "typed": shown,
        "errors": errors or {},
        "roles": role_choices(held, shown["role"]),
        "may_change": _touches(held, member),
        "may_remove": myself or _touches(held, member),
        "stays": not members.keeps_its_owner(member),
        "crumbs": _crumbs(actor, member.organisation),
    }


def removal(actor: Actor, member: Membership) -> dict[str, Any]:
    """Context of console/member_remove.html: what ends with the membership."""
    return {
        "member": member,
        "role": role_label(member.role),
        "myself": member.user_id == actor.user_id,
        "tokens": list(members.tokens_that_end(member)),
        "stays": not members.keeps_its_owner(member),
        "crumbs": _crumbs(actor, member.organisation),
    }


def _touches(held: frozenset[Permission], member: Membership) -> bool:
    """Whether these rights suffice to change or remove a member."""
    wanted = {Permission.MEMBER_MANAGE}
    if member.role == Role.OWNER:
        wanted.add(Permission.OWNER_MANAGE)
    return wanted <= held


def _crumbs(actor: Actor, organisation: Organisation) -> list[tuple[str, str]]:
    """Whoever sees no members comes from the page of the organisation."""
    if Permission.MEMBER_VIEW in access.permissions_in_organisation(actor, organisation):
        address = f"{reverse('console:members')}?organisation={organisation.slug}"
        return [(_("Members"), address)]
    return [(organisation.name, reverse("console:organisation", args=[organisation.slug]))]


def role_choices(held: frozenset[Permission], chosen: str) -> list[RoleChoice]:
    """All roles; those that hold more than the reader cannot be chosen."""
    return [
        RoleChoice(
            role=role.value,
            label=role_label(role),
            text=role_text(role),
            chosen=role == chosen,
            note="" if GRANTS[role] <= held else _("It holds more rights than you do."),
        )
        for role in Role
    ]


def invitation_form(
    actor: Actor,
    project: Project,
    typed: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Context of console/invite.html. Raises: NotPermitted for whoever manages no members."""
    whole = access.permissions_in_organisation(actor, project.organisation)
    here = access.permissions_in(actor, project)
    if Permission.MEMBER_MANAGE not in here:
        access.require(actor, project, Permission.MEMBER_MANAGE)
    shown = {"where": "project", "role": Role.VIEWER.value} | dict(typed or {})
    return {
        "project": project,
        "typed": shown,
        "errors": errors or {},
        "roles": role_choices(here, shown["role"]),
        "may_whole": Permission.MEMBER_MANAGE in whole,
        "whole": shown["where"] == WHOLE,
        "only": shown["where"] != WHOLE,
        "crumbs": [(_("Members"), reverse("console:members"))],
    }


def read_until(text: str, field: str) -> datetime | None:
    """The end of a day in UTC; None when nothing was typed. Raises: Invalid."""
    if not text.strip():
        return None
    try:
        return datetime.combine(date.fromisoformat(text.strip()), time(23, 59, 59), tzinfo=UTC)
    except ValueError as error:
        raise Invalid({field: _("Give a day, as in 2027-01-31.")}) from error


def _day(moment: datetime | None) -> str:
    return "" if moment is None else moment.astimezone(UTC).date().isoformat()


def roles() -> dict[str, Any]:
    """Context of console/roles.html: every permission by role, from the grants themselves."""
    return {
        "roles": [(role, role_label(role), role_text(role)) for role in Role],
        "groups": [
            (noun, [(permission_label(p), p, [p in GRANTS[role] for role in Role]) for p in found])
            for noun, found in permissions_by_noun()
        ],
    }
