"""Reads of instances and operations. Everything a tenant sees comes through
`portal.tenancy.access`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.db import transaction
from django.db.models import Case, Count, Prefetch, Q, QuerySet, TextField, When
from django.db.models.functions import Cast
from django.utils.translation import gettext as _

from portal.audit.actions import record
from portal.audit.queries import events_for
from portal.kernel.actor import Actor
from portal.kernel.errors import BackendError, Conflict, Gone, NotFound, Unavailable
from portal.tenancy import access
from portal.tenancy.models import Organisation, Project
from portal.tenancy.permissions import Permission
from portal.tenancy.refusals import refuse_while_looking
from services import parameters, registry
from services.backends import backend_for
from services.instances.models import Instance, InstanceEvent, Operation
from services.instances.reconcile import POINT_OF_NO_RETURN
from services.instances.specs import entry_of, spec_of
from services.instances.states import OPEN, Health, Kind, Lane, OperationState, Phase
from services.regions.models import Region
from services.spec import Credentials, Effect, Entry, InstanceSpec, Plan

_MOST_NAMES = 50


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


def open_operations(instance_ids: Iterable[int]) -> dict[int, Operation]:
    """The open change operation of each instance that has one, by the instance's key. One query."""
    rows = Operation.objects.filter(
        instance_id__in=list(instance_ids), state__in=OPEN, lane=Lane.CHANGE
    )
    return {row.instance_id: row for row in rows.select_related("instance", "retry_of")}


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


def operations_for(
    actor: Actor,
    *,
    organisation: str | None = None,
    project: str | None = None,
    instance: str | None = None,
    state: str | None = None,
    kind: str | None = None,
    service: str | None = None,
    asked_by: str | None = None,
) -> QuerySet[Operation]:
    """The operations `actor` may see, newest first. `service` is a part of its name, or its
    number.
    """
    rows = Operation.objects.filter(
        instance__project__in=access.project_keys(actor, Permission.OPERATION_VIEW)
    )
    if organisation:
        rows = rows.filter(instance__project__organisation__slug=organisation)
    if project:
        rows = rows.filter(instance__project__slug=project)
    if instance:
        rows = rows.filter(instance__public_id=instance)
    if state:
        rows = rows.filter(state=state)
    if kind:
        rows = rows.filter(kind=kind)
    if service:
        named = Q(instance__name__icontains=service) | Q(instance__public_id__iexact=service)
        rows = rows.filter(named)
    if asked_by:
        rows = rows.filter(requested_by=asked_by)
    return rows.select_related(
        "instance__project__organisation", "instance__region", "retry_of"
    ).order_by("-id")


def operation_for(
    actor: Actor, public_id: str, permission: Permission = Permission.OPERATION_VIEW
) -> Operation:
    """Raises: NotFound when it is not there or not theirs, NotPermitted."""
    row = (
        Operation.objects.filter(public_id=public_id)
        .select_related("instance__project__organisation", "instance__region", "retry_of")
        .first()
    )
    if row is not None:
        try:
            access.require(actor, row.instance.project, permission)
        except NotFound:
            row = None
    if row is None:
        raise NotFound(
            _("There is no operation “%(id)s”, or you may not see it.") % {"id": public_id},
            hint=_("Check the number, or see the list of operations."),
        )
    return row


def is_cancellable(operation: Operation) -> bool:
    """Whether `actions.cancel` would be heard: open, not asked yet, can still be taken back."""
    past = operation.committed_at is not None or operation.kind in (Kind.PURGE, Kind.REPAIR)
    return operation.state in OPEN and not past and operation.cancel_requested_at is None


def is_retryable(operation: Operation) -> bool:
    """Whether the operation ended in a way that can be tried again."""
    return operation.state in (OperationState.FAILED, OperationState.CANCELLED)


def running_first(rows: QuerySet[Operation]) -> QuerySet[Operation]:
    """What is under way, then the rest, each newest first."""
    over = Case(When(state__in=sorted(OPEN), then=0), default=1)
    return rows.order_by(over, "-id")


def askers_in(actor: Actor, project: Project) -> list[str]:
    """The names of those who asked for operations in a project, fifty at most."""
    rows = operations_for(actor, project=project.slug).exclude(requested_by="")
    names = rows.order_by("requested_by").values_list("requested_by", flat=True)
    return list(names.distinct()[:_MOST_NAMES])


def point_of_no_return(operation: Operation) -> str:
    """The code of the step after which it can no longer be cancelled; empty when it can be until
    it is done.
    """
    codes = POINT_OF_NO_RETURN.get(Kind(operation.kind), ())
    known = [step["code"] for step in operation.steps if step["code"] in codes]
    return next(iter([*known, *codes]), "")


def request_of(operation: Operation) -> str:
    """The id of the request that opened an operation, as the audit trail has it. One query."""
    instance = operation.instance
    rows = events_for(instance.project.organisation.slug, target=instance.public_id)
    asked = rows.filter(after__operation=operation.public_id, verb=f"instance.{operation.kind}")
    return asked.values_list("request_id", flat=True).first() or ""


def retries_of(operation: Operation) -> list[str]:
    """Public ids of the operations that tried it again, oldest first."""
    return list(operation.retries.order_by("pk").values_list("public_id", flat=True))


def names_in(organisation: str, public_ids: Collection[str]) -> dict[str, str]:
    """Names of services of an organisation, by number; for whoever may see all of it. One query."""
    rows = Instance.objects.filter(
        public_id__in=public_ids, project__organisation__slug=organisation
    )
    return dict(rows.values_list("public_id", "name")) if public_ids else {}


def newest_operation(instance: Instance) -> Operation | None:
    """The last change operation of an instance, open or closed."""
    return (
        instance.operations.filter(lane=Lane.CHANGE)
        .select_related("retry_of")
        .order_by("-id")
        .first()
    )


def events_of(instance: Instance) -> QuerySet[InstanceEvent]:
    """What happened to an instance, newest first."""
    return instance.events.select_related("operation").order_by("-at", "-id")


def reveal_credentials(actor: Actor, instance: Instance) -> Credentials:
    """What a client needs to log in; the look is audited.

    Raises: NotPermitted, Gone, Conflict before the instance is ready, Unavailable when the backend
    does not answer.
    """
    access.require(actor, instance.project, Permission.CREDENTIAL_REVEAL)
    refuse_while_looking(actor)
    if instance.deleted_at is not None:
        raise Gone(_("This service was destroyed."), hint=_("Order a new one."))
    if instance.phase in (Phase.CREATING, Phase.FAILED):
        raise Conflict(
            _("There is nothing to connect to yet."),
            hint=_("Wait until the service runs."),
            code="not-ready",
        )
    try:
        found = backend_for(instance.region).credentials(entry_of(instance), spec_of(instance))
    except BackendError as error:
        raise _away() from error
    with transaction.atomic():
        record(
            actor,
            "credential.reveal",
            "instance",
            instance.public_id,
            chain=instance.project.organisation.slug,
            project=instance.project.slug,
        )
    return found


def masked_credentials(instance: Instance) -> Credentials:
    """As `reveal_credentials`, with dots for every secret: for a page. Not audited, since nothing
    is told.

    Raises: BackendError when the place is not known yet.
    """
    spec = spec_of(instance, with_secrets=False)
    dots = {name: type(value)("••••••••••••") for name, value in spec.secrets.items()}
    shown = replace(spec, secrets=dots)
    return backend_for(instance.region).credentials(entry_of(instance), shown)


def authority_of(instance: Instance) -> str:
    """The CA certificates that clients trust; empty where there are none. Raises: Unavailable."""
    try:
        return masked_credentials(instance).ca_certificate
    except BackendError as error:
        raise _away() from error


def _away() -> Unavailable:
    return Unavailable(
        _("The region does not answer, so its credentials cannot be read now."),
        hint=_("Nothing is lost. Try again in a minute."),
    )


def effect_of(
    instance: Instance, *, plan: Plan, version: str, parameters: Mapping[str, Any]
) -> Effect:
    """What a change would mean for who is connected. Reads the backend, writes nothing."""
    before = spec_of(instance)
    after = spec_of(
        instance, changed={"plan": plan.id, "version": version, "parameters": dict(parameters)}
    )
    try:
        return backend_for(instance.region).effect(entry_of(instance), before, after)
    except BackendError:
        return "restart"


def logs_of(actor: Actor, instance: Instance, lines: int = 200) -> str:
    """The newest lines of the server's own log. Raises: NotPermitted, Unavailable."""
    access.require(actor, instance.project, Permission.INSTANCE_UPDATE)
    try:
        return backend_for(instance.region).logs(entry_of(instance), spec_of(instance), lines)
    except BackendError as error:
        raise Unavailable(
            _("The region does not answer, so the log cannot be read now."),
            hint=_("Try again in a minute."),
        ) from error


@dataclass(frozen=True, slots=True)
class Download:
    """The server program of a version; `mib` is what must be fetched first, 0 once it is there."""

    title: str
    mib: int


def download_for(entry: Entry, region: Region, *, plan: Plan, version: str) -> Download | None:
    """What a region of servers of one machine would fetch for an order. None elsewhere."""
    if region.backend != Region.Backend.PROCESS or entry.process is None:
        return None
    try:
        engine = registry.engine(entry.process.engine(version))
    except KeyError:
        return None
    spec = InstanceSpec("", "", version, plan, parameters.clean(entry.offering, {}))
    missing = "engine" in backend_for(region).steps(entry, spec, Kind.CREATE)
    return Download(engine.title, engine.download_mib if missing else 0)


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


def catalogue() -> list[Entry]:
    """All entries of the catalogue, by family and name."""
    return sorted(registry.entries().values(), key=lambda e: (e.offering.family, e.offering.name))


def live_counts(actor: Actor, organisation: Organisation) -> dict[int, int]:
    """How many services are not destroyed yet, by the key of their project. One query."""
    seen = access.project_keys(actor, Permission.INSTANCE_VIEW)
    rows = Instance.objects.filter(
        project__in=seen, project__organisation=organisation, deleted_at__isnull=True
    )
    return dict(rows.values_list("project_id").annotate(Count("id")))
