"""What there is to hear of. Each part of Polder registers its own kinds when it starts; those of
tenancy, which stands below, and of webhooks are here.

A kind says who hears of it, by which ways unless they choose otherwise, and in which words. Rows
keep its code and params only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from portal.tenancy.permissions import Permission
from portal.tenancy.texts import role_label

Params = Mapping[str, Any]
Words = Callable[[Params], str]


@dataclass(frozen=True, slots=True)
class Kind:
    """`title` and `body` are made at read, in the reader's language; the body may be empty.

    Whoever asked for it and whom it concerns hear of it while they hold `sees` (None: always);
    with `everyone`, so do all who hold that permission. Of `staff` kinds people of the provider
    hear; nobody else finds them among their choices. `url_name` with the entry's target is where it
    leads. `bell` and `mail` are what holds without a choice of one's own; a kind without a `label`
    is none that people hear of. Only kinds with `webhook` reach webhooks.
    """

    code: str
    title: Words
    body: Words
    group: str = ""
    label: str = ""
    icon: str = "info"
    tone: str = "info"
    url_name: str = ""
    targeted: bool = True
    sees: Permission | None = None
    everyone: Permission | None = None
    bell: bool = True
    mail: bool = False
    webhook: bool = False
    staff: bool = False


PING = "ping"
_MEMBERS = gettext_noop("Members")
_WEBHOOKS = gettext_noop("Webhooks")
_ORDER = ("Services", "Quotas", "Money", _MEMBERS, _WEBHOOKS)
_known: dict[str, Kind] = {}


def register(*kinds: Kind) -> None:
    _known.update({kind.code: kind for kind in kinds})


def get(code: str) -> Kind:
    """A kind that no release knows any more is shown by its code."""
    return _known.get(code) or Kind(code, lambda _params: code, _nothing)


def for_people(*, staff: bool = True) -> list[Kind]:
    """Those that people hear of, group by group; groups that are not named here come first."""
    found = [kind for kind in _known.values() if kind.label and (staff or not kind.staff)]
    return sorted(found, key=lambda kind: _ORDER.index(kind.group) if kind.group in _ORDER else -1)


def for_webhooks() -> list[Kind]:
    """Those that a webhook can be told of."""
    return [kind for kind in _known.values() if kind.webhook]


def _nothing(_params: Params) -> str:
    return ""


def sentence(text: str) -> Words:
    """The words of a marked text, with the params filled in."""
    return lambda params: _(text) % _Filled(params)


class _Filled(dict[str, Any]):
    """A param that an old row lacks leaves a gap, not a broken page."""

    def __missing__(self, key: str) -> str:
        return "…"


def _with_role(text: str) -> Words:
    """The same, with the names of roles in the reader's language."""

    def words(params: Params) -> str:
        roles = {name: role_label(str(params.get(name, ""))) for name in ("role", "before")}
        return _(text) % _Filled({**params, **roles})

    return words


register(
    Kind(
        "member.added",
        _with_role(gettext_noop("You are in %(place)s now, as %(role)s")),
        sentence(gettext_noop("%(by)s added you.")),
        group=_MEMBERS,
        label=gettext_noop("You were added to an organisation or project"),
        icon="user-plus",
        url_name="console:overview",
        targeted=False,
        mail=True,
    ),
    Kind(
        "member.changed",
        _with_role(gettext_noop("Your role in %(place)s is %(role)s now")),
        _with_role(gettext_noop("%(by)s changed it; it was %(before)s.")),
        group=_MEMBERS,
        label=gettext_noop("Your role was changed"),
        icon="users",
        url_name="console:overview",
        targeted=False,
        mail=True,
    ),
    Kind(
        "member.removed",
        sentence(gettext_noop("You are no longer in %(place)s")),
        sentence(gettext_noop("%(by)s removed you.")),
        group=_MEMBERS,
        label=gettext_noop("You were removed from an organisation or project"),
        icon="users",
        tone="warn",
        url_name="console:overview",
        targeted=False,
        mail=True,
    ),
    Kind(
        "staff.impersonated",
        sentence(gettext_noop("%(by)s of the provider looked as you")),
        sentence(gettext_noop("The reason given: %(reason)s")),
        group=_MEMBERS,
        label=gettext_noop("The provider's staff looked as you"),
        icon="eye",
        tone="warn",
        mail=True,
    ),
    Kind(
        "invitation.accepted",
        sentence(gettext_noop("%(name)s has joined %(place)s")),
        _with_role(gettext_noop("Your invitation was accepted; the role is %(role)s.")),
        group=_MEMBERS,
        label=gettext_noop("Somebody accepted your invitation"),
        icon="user-plus",
        tone="ok",
        url_name="console:members",
        targeted=False,
    ),
    Kind(
        "webhook.disabled",
        sentence(gettext_noop("The webhook to %(host)s was switched off")),
        sentence(
            gettext_noop(
                "It gave no good answer %(failures)s times in a row. Repair the receiver, then "
                "switch the webhook on again; what was missed can be sent once more from its log."
            )
        ),
        group=_WEBHOOKS,
        label=gettext_noop("A webhook was switched off because it kept failing"),
        icon="ban",
        tone="bad",
        url_name="console:webhook",
        everyone=Permission.PROJECT_UPDATE,
        sees=Permission.PROJECT_UPDATE,
        mail=True,
    ),
    Kind(PING, sentence(gettext_noop("Ping")), _nothing),
)
