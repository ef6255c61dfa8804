"""Reads of instances. Everything a tenant sees comes through `portal.tenancy.access`."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from django.db.models import Count, Prefetch, Q, QuerySet, TextField
from django.db.models.functions import Cast
from django.utils.translation import gettext as _

from portal.kernel.actor import Actor
from portal.kernel.errors import NotFound
from portal.tenancy import access
from portal.tenancy.models import Organisation
from portal.tenancy.permissions import Permission
from services.instances.models import Instance, InstanceEvent, Operation
from services.instances.states import OPEN, Health, Lane, Phase


def instances_for(
    actor: Actor,
    *,
    organisation: str | None = None,
    project: str | None = None,
    region: str | None = None,
    offering: str | None = None,
    phase: str | None = None,
    tag: str | None = None,
    search: str | None = None,
    permission: Permission = Permission.INSTANCE_VIEW,
) -> QuerySet[Instance]:
    """The instances `actor` may see, newest first, without those that are gone unless `phase` asks
    for them.

    `tag` is `key` or `key:value`; `search` looks at name, number and tags. Project, organisation
    and region come along, the open operation as `open_ones`.
    """
    rows = Instance.objects.filter(project__in=access.project_keys(actor, permission))
    if organisation:
        rows = rows.filter(project__organisation__slug=organisation)
    if project:
        rows = rows.filter(project__slug=project)
    if search:
        rows = _matching(rows, search)
    rows = narrowed(rows, region=region, offering=offering, phase=phase, tag=tag)
    return with_relations(rows).order_by("-id")


def _matching(rows: QuerySet[Instance], search: str) -> QuerySet[Instance]:
    """By a part of the name, of a tag, or the beginning of the number."""
    found = Q(name__icontains=search) | Q(public_id__istartswith=search)
    key, colon, value = search.partition(":")
    tagged = Q(tags__contains={key.strip(): value.strip()}) if colon else Q(words__icontains=search)
    return rows.alias(words=Cast("tags", TextField())).filter(found | tagged)


def narrowed(
    rows: QuerySet[Instance],
    *,
    region: str | None = None,
    offering: str | None = None,
    phase: str | None = None,
    tag: str | None = None,
) -> QuerySet[Instance]:
    """Those that fit, without what is gone unless `phase` asks for it."""
    rows = rows.filter(phase=phase) if phase else rows.filter(deleted_at__isnull=True)
    if region:
        rows = rows.filter(region__code=region)
    if offering:
        rows = rows.filter(offering=offering)
    if tag:
        key, colon, value = tag.partition(":")
        rows = rows.filter(tags__contains={key: value}) if colon else rows.filter(tags__has_key=key)
    return rows


def ill(rows: QuerySet[Instance]) -> QuerySet[Instance]:
    """Those that a person should look at."""
    unwell = Q(needs_attention=True) | Q(phase=Phase.FAILED)
    down = Q(phase=Phase.RUNNING, health__in=(Health.DEGRADED, Health.DOWN))
    return rows.filter(unwell | down)


def with_relations(rows: QuerySet[Instance]) -> QuerySet[Instance]:
    """What a row of a list needs, in two queries however long the list."""
    open_ones = Operation.objects.filter(state__in=OPEN, lane=Lane.CHANGE)
    return rows.select_related("project__organisation", "region").prefetch_related(
        Prefetch("operations", queryset=open_ones, to_attr="open_ones")
    )


def instance_for(
    actor: Actor,
    public_id: str,
    permission: Permission = Permission.INSTANCE_VIEW,
    *,
    lock: bool = False,
) -> Instance:
    """With `lock`, nobody else changes it until the caller's transaction ends.

    Raises: NotFound when it is not there or not theirs, NotPermitted.
    """
    rows = Instance.objects.filter(public_id=public_id)
    row = with_relations(rows.select_for_update(of=("self",)) if lock else rows).first()
    if row is None:
        raise _no_instance(public_id)
    try:
        access.require(actor, row.project, permission)
    except NotFound as error:
        raise _no_instance(public_id) from error
    return row


def _no_instance(public_id: str) -> NotFound:
    return NotFound(
        _("There is no service “%(id)s”, or you may not see it.") % {"id": public_id},
        hint=_("Check the number, or ask the person who gave it to you."),
    )


def names_in(organisation: str, public_ids: Collection[str]) -> dict[str, str]:
    """Names of services of an organisation, by number; for whoever may see all of it. One query."""
    rows = Instance.objects.filter(
        public_id__in=public_ids, project__organisation__slug=organisation
    )
    return dict(rows.values_list("public_id", "name")) if public_ids else {}


def events_of(instance: Instance) -> QuerySet[InstanceEvent]:
    """What happened to an instance, newest first."""
    return instance.events.select_related("operation").order_by("-at", "-id")


def counts_by_phase(actor: Actor, project: str) -> dict[str, int]:
    """How many live instances of a project are in each phase."""
    phases: Iterable[str] = (
        instances_for(actor, project=project).order_by().values_list("phase", flat=True)
    )
    counts: dict[str, int] = {}
    for phase in phases:
        counts[phase] = counts.get(phase, 0) + 1
    return counts


def tags_for(actor: Actor, project: str) -> list[str]:
    """The tags in use on a project's live services, as `key:value`, in order. One query."""
    rows = instances_for(actor, project=project).order_by().values_list("tags", flat=True)
    return sorted({f"{key}:{value}" for tags in rows for key, value in tags.items()})


def live_counts(actor: Actor, organisation: Organisation) -> dict[int, int]:
    """How many services are not destroyed yet, by the key of their project. One query."""
    seen = access.project_keys(actor, Permission.INSTANCE_VIEW)
    rows = Instance.objects.filter(
        project__in=seen, project__organisation=organisation, deleted_at__isnull=True
    )
    return dict(rows.values_list("project_id").annotate(Count("id")))
