"""The audit trail of an organisation for those who may read it: read, taken away, proved.

Whoever may read it in one project only, sees what belongs to that project, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from portal.audit import proofs
from portal.audit.actions import record
from portal.audit.models import AuditEvent, ChainCheck
from portal.audit.queries import events_for
from portal.kernel.actor import Actor
from portal.tenancy import access
from portal.tenancy.models import Organisation, Project
from portal.tenancy.permissions import Permission

CHECKED_AT_ONCE = 10_000
_PAGE = 1000
_MAY = Permission.AUDIT_VIEW


@dataclass(frozen=True, slots=True)
class Scope:
    """What somebody may read: all of an organisation, or only what belongs to one project."""

    organisation: Organisation
    project: Project | None = None

    @property
    def chain(self) -> str:
        return self.organisation.slug


def scope_of(actor: Actor, project: Project) -> Scope:
    """The widest that the actor may read around the project at hand. Raises: NotPermitted."""
    organisation = project.organisation
    if _MAY in access.permissions_in_organisation(actor, organisation):
        return Scope(organisation)
    access.require(actor, project, _MAY)
    return Scope(organisation, project)


def events_in(scope: Scope, filters: Mapping[str, Any]) -> QuerySet[AuditEvent]:
    """Newest first. `filters` are those of `portal.audit.queries.events_for`."""
    wanted = dict(filters)
    if scope.project is not None:
        wanted["project"] = scope.project.slug
    return events_for(scope.chain, **wanted)


def export_events(
    *, actor: Actor, scope: Scope, filters: Mapping[str, Any], kind: str
) -> Iterator[AuditEvent]:
    """All events that fit, newest first, in batches of a thousand, so that neither side holds them
    all. That it was taken away is written down first.
    """
    written = {name: _plain(value) for name, value in filters.items() if value}
    with transaction.atomic():
        record(
            actor,
            "audit.export",
            "organisation",
            scope.chain,
            chain=scope.chain,
            project=scope.project.slug if scope.project else "",
            after={"format": kind, "filters": written},
        )
    return _batches(events_in(scope, filters))


def check_chain(*, actor: Actor, organisation: Organisation) -> ChainCheck:
    """Proves the newest events now; all of them are proved each night. Raises: NotPermitted."""
    access.require_in_organisation(actor, organisation, _MAY)
    return proofs.check(organisation.slug, newest=CHECKED_AT_ONCE)


def _batches(rows: QuerySet[AuditEvent]) -> Iterator[AuditEvent]:
    last: int | None = None
    while True:
        page = list((rows if last is None else rows.filter(sequence__lt=last))[:_PAGE])
        yield from page
        if len(page) < _PAGE:
            return
        last = page[-1].sequence


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value
