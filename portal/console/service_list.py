"""The list of services: search, filters, order, saved views, the bin."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _

from billing.pricebook import queries as prices
from portal.console import operations as cards
from portal.console.address import query_of
from portal.console.queries import views_for
from portal.kernel import clock
from portal.kernel.actor import Actor
from portal.kernel.money import HOURS_PER_MONTH, Money
from portal.tenancy import access
from portal.tenancy.permissions import Permission
from services import registry
from services.instances import eta, queries
from services.instances.states import Phase
from services.regions import queries as regions

if TYPE_CHECKING:
    from portal.console.models import SavedView
    from portal.tenancy.models import Project
    from services.instances.models import Instance
    from services.spec import Offering

FILTERS = ("q", "offering", "phase", "region", "tag", "sort")
ATTENTION = "attention"
_PER_PAGE = 50
_TAGS_SHOWN = 3
_NEWEST = "-created"
_ORDERS = {
    "name": "name",
    "state": "phase",
    "plan": "plan",
    "region": "region__code",
    "price": "price_hourly",
    "created": "id",
}


@dataclass(frozen=True, slots=True)
class Row:
    """A service in the list. `doing` is what is under way; `hidden_tags` how many do not fit."""

    instance: Instance
    offering: Offering
    url: str
    monthly: Money | None
    tags: list[str]
    hidden_tags: int
    doing: cards.Card | None
    chosen: bool


@dataclass(frozen=True, slots=True)
class Head:
    """A heading that sorts: `now` is what aria-sort says, `query` leads to the other order."""

    key: str
    text: str
    query: str
    now: str
    number: bool = False


def services(
    actor: Actor, project: Project, asked: Mapping[str, str], chosen: Iterable[str] = ()
) -> dict[str, Any]:
    """Context of console/services.html. `asked`: FILTERS and page; `chosen`: ticked numbers."""
    held = _held(actor, project)
    query = query_of(asked, FILTERS)
    found = Paginator(_found(actor, project, asked), _PER_PAGE).get_page(asked.get("page"))
    rows = _rows(found, set(chosen))
    return {
        **_views(actor, project, query),
        "project": project,
        "asked": {name: asked.get(name, "") for name in FILTERS},
        "query": query,
        "filtered": bool(query_of(asked, FILTERS[:-1])),
        "found": found,
        "rows": rows,
        "heads": _heads(asked),
        "poll": min((p for r in rows if (p := cards.poll_of(r.instance, r.doing))), default=0),
        "offerings": [e.offering for e in registry.catalogue()],
        "phases": [(ATTENTION, _("Needs a look")), *_phases()],
        "regions": regions.regions(),
        "tags": queries.tags_for(actor, project.slug),
        "may_order": Permission.INSTANCE_CREATE in held,
        "may_change": Permission.INSTANCE_UPDATE in held,
    }


def _held(actor: Actor, project: Project) -> frozenset[Permission]:
    """One query for whoever may see services. Raises: NotFound, NotPermitted."""
    held = access.permissions_in(actor, project)
    if Permission.INSTANCE_VIEW not in held:
        access.require(actor, project, Permission.INSTANCE_VIEW)
    return held


def _phases() -> list[tuple[str, str]]:
    return [(p.value, str(p.label)) for p in Phase if p not in (Phase.DELETED, Phase.IN_BIN)]


def _found(actor: Actor, project: Project, asked: Mapping[str, str]) -> QuerySet[Instance]:
    phase = asked.get("phase", "")
    rows = queries.instances_for(
        actor,
        project=project.slug,
        offering=asked.get("offering") or None,
        region=asked.get("region") or None,
        tag=asked.get("tag") or None,
        phase=phase if phase in Phase.values else None,
        search=asked.get("q", "").strip() or None,
    ).exclude(phase=Phase.IN_BIN)
    if phase == ATTENTION:
        rows = queries.ill(rows)
    sort = _sort(asked)
    column = _ORDERS[sort.removeprefix("-")]
    return rows.order_by(f"-{column}" if sort.startswith("-") else column, "-id")


def _sort(asked: Mapping[str, str]) -> str:
    """A column's name, with a dash for the other way round; newest first unless it is a known
    one.
    """
    sort = asked.get("sort", "")
    return sort if sort.removeprefix("-") in _ORDERS else _NEWEST


def _rows(found: Iterable[Instance], chosen: set[str]) -> list[Row]:
    """At most one query, for how long what is under way usually takes."""
    instances = list(found)
    under_way = {i.pk: op for i in instances for op in i.open_ones}  # type: ignore[attr-defined]
    for instance in instances:
        if instance.pk in under_way:
            under_way[instance.pk].instance = instance
    usual = eta.usual_seconds({eta.sort_of(op) for op in under_way.values()})
    doing = {pk: cards.card(op, usual) for pk, op in under_way.items()}
    return [_row(i, doing.get(i.pk), i.public_id in chosen) for i in instances]


def _row(instance: Instance, doing: cards.Card | None, chosen: bool) -> Row:
    tags = [f"{key}:{value}" for key, value in sorted(instance.tags.items())]
    price = instance.price_hourly
    return Row(
        instance,
        registry.get(instance.offering).offering,
        reverse("console:service", args=[instance.public_id]),
        None if price is None else Money(price * HOURS_PER_MONTH),
        tags[:_TAGS_SHOWN],
        max(len(tags) - _TAGS_SHOWN, 0),
        doing,
        chosen,
    )


def _heads(asked: Mapping[str, str]) -> list[Head]:
    names = (
        ("name", _("Name"), False),
        ("state", _("State"), False),
        ("plan", _("Plan"), False),
        ("region", _("Region"), False),
        ("price", _("Per month, net"), True),
    )
    return [_head(asked, _sort(asked), *name) for name in names]


def _head(asked: Mapping[str, str], sort: str, key: str, text: str, number: bool) -> Head:
    now = {key: "ascending", f"-{key}": "descending"}.get(sort, "")
    other = f"-{key}" if now == "ascending" else key
    return Head(key, text, query_of({**asked, "sort": other}, FILTERS), now, number)


# -- saved views -----------------------------------------------------------------------------------


def _views(actor: Actor, project: Project, query: str) -> dict[str, Any]:
    saved = views_for(actor, project)
    here = next((view for view in saved if view.query == query), None)
    in_bin = queries.instances_for(actor, project=project.slug, phase=Phase.IN_BIN).count()
    return {
        "view": here,
        "tabs": tabs(saved, in_bin),
        "tab": here.public_id if here else "" if query else "all",
        "has_default": any(view.is_default for view in saved),
    }


def tabs(saved: Iterable[SavedView], in_bin: int) -> list[tuple[str, str, str]]:
    """(key, text, address): everything, each saved view, the bin."""
    home = reverse("console:services")
    return [
        ("all", _("All"), f"{home}?all=1"),
        *((view.public_id, view.name, f"{home}?{view.query}") for view in saved),
        ("bin", _("Bin (%(n)s)") % {"n": in_bin}, reverse("console:bin")),
    ]


def first_query(actor: Actor, project: Project) -> str:
    """The filters that somebody wants to see first; empty for everything."""
    return next((v.query for v in views_for(actor, project) if v.is_default), "")


def plain_query(text: str) -> str:
    """What a form sent back as the list's query, in canonical form."""
    return query_of(QueryDict(text[:2000]).dict(), FILTERS)


# -- the bin ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Binned:
    """A service in the bin: until when, and what its storage costs until then."""

    instance: Instance
    offering: Offering
    url: str
    seconds_left: float
    storage: Money | None


def in_bin(actor: Actor, project: Project) -> dict[str, Any]:
    """Context of console/bin.html."""
    held = _held(actor, project)
    rows = queries.instances_for(actor, project=project.slug, phase=Phase.IN_BIN)
    shown = [_binned(instance) for instance in rows.order_by("delete_at", "id")]
    return {
        "project": project,
        "rows": shown,
        "tabs": tabs(views_for(actor, project), len(shown)),
        "may_restore": Permission.INSTANCE_UPDATE in held,
        "may_destroy": Permission.INSTANCE_DELETE in held,
    }


def _binned(instance: Instance) -> Binned:
    offering = registry.get(instance.offering).offering
    left = (instance.delete_at - clock.now()).total_seconds() if instance.delete_at else 0
    return Binned(
        instance,
        offering,
        reverse("console:service", args=[instance.public_id]),
        max(left, 0),
        prices.storage_of(offering, offering.plan(instance.plan), instance.region.code),
    )
