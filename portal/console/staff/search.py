"""One box over all tenants. What it finds inside an organisation, that organisation is told."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from portal.audit.queries import events_of_request
from portal.kernel import formats
from portal.kernel.actor import Actor
from portal.tenancy import oversight as customers
from services.instances import oversight as work
from services.instances.texts import operation_title

MOST = 8
SHORTEST = 2
_REQUEST = re.compile(r"[A-Za-z0-9._-]{8,64}")
_NUMBER = re.compile(r"op-[0-9a-f]*", re.I)
_PROVIDER = "provider"


@dataclass(frozen=True, slots=True)
class Hit:
    """One thing found. `badge` is an instance, whose state is shown; `chain` whose it is."""

    title: str
    note: str
    url: str
    chains: tuple[str, ...] = ()
    badge: Any = None


@dataclass(frozen=True, slots=True)
class Group:
    """What was found of one kind; `more` when there is more than is shown."""

    title: str
    icon: str
    hits: list[Hit] = field(default_factory=list)
    more: bool = False


def results(actor: Actor, text: str) -> dict[str, Any]:
    """Context of console/staff/search.html."""
    text = " ".join(text.split())[:100]
    short = len(text) < SHORTEST
    groups = [] if short else [group for group in _groups(actor, text) if group.hits]
    told = {slug for group in groups for hit in group.hits for slug in hit.chains}
    customers.note_looks(actor, told - {_PROVIDER}, seen="search")
    return {"q": text, "short": bool(text) and short, "groups": groups, "most": MOST}


def _groups(actor: Actor, text: str) -> Iterable[Group]:
    yield _group(_("Organisations"), "building-2", _organisations(actor, text))
    yield _group(_("Projects"), "layers", _projects(actor, text))
    yield _group(_("People"), "users", _people(actor, text))
    yield _group(_("Services"), "database", _services(actor, text))
    if _NUMBER.fullmatch(text):
        yield _group(_("Operations"), "activity", _operations(actor, text))
    if _REQUEST.fullmatch(text):
        yield _group(_("What the request did"), "scroll-text", _requests(text))


def _group(title: str, icon: str, hits: Sequence[Hit]) -> Group:
    return Group(title, icon, list(hits[:MOST]), len(hits) > MOST)


def _organisations(actor: Actor, text: str) -> list[Hit]:
    rows = customers.organisations(actor, search=text)[: MOST + 1]
    return [Hit(row.name, row.slug, _page(row.slug)) for row in rows]


def _projects(actor: Actor, text: str) -> list[Hit]:
    rows = customers.projects_matching(actor, text)[: MOST + 1]
    return [
        Hit(
            row.name,
            f"{row.slug} · {row.organisation.name}",
            _page(row.organisation.slug),
            (row.organisation.slug,),
        )
        for row in rows
    ]


def _people(actor: Actor, text: str) -> list[Hit]:
    """A person leads to the people of the first organisation that they are in."""
    found = []
    for row in customers.people_matching(actor, text)[: MOST + 1]:
        places = [place.organisation for place in row.places]  # type: ignore[attr-defined]
        slugs = tuple(dict.fromkeys(place.slug for place in places))
        where = ", ".join(dict.fromkeys(place.name for place in places))
        kind = _("The provider's staff") if row.is_staff else _("In no organisation")
        url = reverse("console:staff-people", args=[slugs[0]]) if slugs else ""
        found.append(
            Hit(row.email, " · ".join(filter(None, (row.name, where or kind))), url, slugs)
        )
    return found


def _services(actor: Actor, text: str) -> list[Hit]:
    return [
        Hit(
            row.name,
            f"{row.public_id} · {row.project.name} · {row.project.organisation.name}",
            reverse("console:staff-service", args=[row.public_id]),
            (row.project.organisation.slug,),
            row,
        )
        for row in work.instances_matching(actor, text)[: MOST + 1]
    ]


def _operations(actor: Actor, text: str) -> list[Hit]:
    return [
        Hit(
            operation_title(row.kind, row.instance.name),
            f"{row.public_id} · {row.instance.project.organisation.name}",
            reverse("console:staff-operation", args=[row.public_id]),
            (row.instance.project.organisation.slug,),
        )
        for row in work.operations_matching(actor, text)[: MOST + 1]
    ]


def _requests(text: str) -> list[Hit]:
    return [
        Hit(
            f"{row.verb} {row.target}",
            f"{row.chain} · {row.actor_name} · {formats.moment(row.at, seconds=True)}",
            _page(row.chain) if row.chain != _PROVIDER else "",
            (row.chain,),
        )
        for row in events_of_request(text, MOST + 1)
    ]


def _page(slug: str) -> str:
    return reverse("console:staff-organisation", args=[slug])
