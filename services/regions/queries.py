"""Reads of regions and quotas."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from portal.kernel.errors import NotFound
from services.regions.models import Quota, Region
from services.regions.texts import quota_label, reason_text

if TYPE_CHECKING:
    from portal.tenancy.models import Project
    from services.spec import Entry, Plan


@dataclass(frozen=True, slots=True)
class QuotaLine:
    """One quota of a project in a region, with what would be left after `wanted` more."""

    region: str
    name: str
    limit: Decimal
    used: Decimal
    wanted: Decimal = Decimal(0)

    @property
    def label(self) -> str:
        return quota_label(self.name)

    @property
    def left(self) -> Decimal:
        return max(self.limit - self.used, Decimal(0))

    @property
    def enough(self) -> bool:
        return self.used + self.wanted <= self.limit


@dataclass(frozen=True, slots=True)
class Orderable:
    """Whether an offering (or one plan of it) can be ordered in a region; if not, why and what to
    do.
    """

    region: Region
    ok: bool
    code: str = ""
    reason: str = ""
    hint: str = ""
    params: Mapping[str, str] = field(default_factory=dict)


def region(code: str) -> Region:
    """Raises: NotFound."""
    found = Region.objects.filter(code=code).exclude(status=Region.Status.OFF).first()
    if found is None:
        raise NotFound(
            _("There is no region “%(code)s”.") % {"code": code},
            hint=_("See the list of regions."),
        )
    return found


def regions() -> list[Region]:
    """All regions that are shown, by name."""
    return list(Region.objects.exclude(status=Region.Status.OFF).order_by("name"))


def orderable(entry: Entry, where: Region, plan: Plan | None = None) -> Orderable:
    """Whether `entry` (with `plan`) can be ordered in `where` now. No query."""
    code, params = _obstacle(entry, where, plan)
    if not code:
        return Orderable(where, True)
    known = {"region": where.name, "offering": entry.offering.name, **params}
    return Orderable(where, False, code, *reason_text(code, known), known)


def _obstacle(entry: Entry, where: Region, plan: Plan | None) -> tuple[str, Mapping[str, str]]:
    if where.status != Region.Status.OPEN:
        return "region-closed", {}
    if where.backend == Region.Backend.PROCESS and entry.process is None:
        return "needs-kubernetes", {}
    if where.backend == Region.Backend.KUBERNETES and entry.kubernetes is None:
        return "needs-process", {}
    if where.backend == Region.Backend.KUBERNETES and where.checked_at is None:
        return "not-looked-at", {}
    if entry.offering.slug in where.unavailable:
        code, params = where.unavailable[entry.offering.slug]
        return code, params
    if plan is not None and plan.retired:
        return "plan-retired", {}
    if plan is not None and plan.nodes > 1 and where.backend == Region.Backend.PROCESS:
        return "one-node-only", {}
    return "", {}


def quota_left(
    project: Project, where: Region, wanted: Mapping[str, Decimal] | None = None
) -> list[QuotaLine]:
    """All quotas of `project` in `where`, beside what `wanted` would take."""
    rows = Quota.objects.filter(project=project, region=where).order_by("name")
    return [
        QuotaLine(where.code, q.name, q.limit, q.used, (wanted or {}).get(q.name, Decimal(0)))
        for q in rows
    ]


def quotas_of(project: Project) -> list[QuotaLine]:
    """All quotas of `project` in all regions."""
    rows = project.quotas.select_related("region").order_by("region__code", "name")
    return [QuotaLine(q.region.code, q.name, q.limit, q.used) for q in rows]


def quotas_of_projects(projects: Iterable[Project]) -> dict[int, list[QuotaLine]]:
    """All quotas of several projects, by the project's key. One query."""
    found: dict[int, list[QuotaLine]] = {project.pk: [] for project in projects}
    rows = Quota.objects.filter(project_id__in=found).select_related("region")
    for q in rows.order_by("region__code", "name"):
        found[q.project_id].append(QuotaLine(q.region.code, q.name, q.limit, q.used))
    return found
