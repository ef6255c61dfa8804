"""What staff reads of regions and quotas, of all tenants."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Sum
from django.utils.translation import gettext as _

from portal.kernel.actor import Actor
from portal.kernel.errors import NotFound
from portal.tenancy.models import Organisation, Project
from portal.tenancy.oversight import require_staff
from services.regions.models import Quota, QuotaRequest, Region
from services.regions.requests import pending_quota_requests
from services.regions.texts import quota_label


@dataclass(frozen=True, slots=True)
class Line:
    """One quota, or the sum of one in a region. `limit` is None where there is none."""

    name: str
    used: Decimal
    limit: Decimal | None

    @property
    def label(self) -> str:
        return quota_label(self.name)


def regions(actor: Actor) -> list[Region]:
    """All, those that are not shown included, by name."""
    require_staff(actor)
    return list(Region.objects.order_by("name"))


def region(actor: Actor, code: str) -> Region:
    """Raises: NotFound."""
    require_staff(actor)
    found = Region.objects.filter(code=code).first()
    if found is None:
        raise NotFound(
            _("There is no region “%(code)s”.") % {"code": code},
            hint=_("See the list of regions."),
        )
    return found


def cluster(actor: Actor, code: str) -> Region:
    """A region on a Kubernetes cluster. Raises: NotFound."""
    found = region(actor, code)
    if found.backend != Region.Backend.KUBERNETES:
        raise NotFound(
            _("%(region)s runs on no Kubernetes cluster.") % {"region": found.name},
            hint=_("Regions of one machine have no settings."),
        )
    return found


def is_well(region: Region) -> bool:
    """Whether its backend answers and the circuit is closed. One that is off is not looked at."""
    return region.status == Region.Status.OFF or (region.healthy and region.retry_at is None)


def capacity(actor: Actor, region: Region) -> list[Line]:
    """What all projects hold and may hold in a region, summed by name."""
    require_staff(actor)
    rows = Quota.objects.filter(region=region).order_by("name").values("name")
    summed = rows.annotate(all_used=Sum("used"), all_limits=Sum("limit"))
    return [Line(row["name"], row["all_used"], row["all_limits"]) for row in summed]


def lines_of(actor: Actor, project: Project, region: Region) -> list[Line]:
    """All kinds of quota of a project in a region, those without a limit too."""
    require_staff(actor)
    known = {row.name: row for row in Quota.objects.filter(project=project, region=region)}
    return [
        Line(name, known[name].used, known[name].limit)
        if name in known
        else Line(name, Decimal(0), None)
        for name in Quota.Name.values
    ]


def quotas_of(actor: Actor, organisation: Organisation) -> list[Quota]:
    """Every limit of an organisation's projects, by project, region and name. One query."""
    require_staff(actor)
    rows = Quota.objects.filter(project__organisation=organisation, project__archived_at=None)
    return list(
        rows.select_related("project", "region").order_by("project__name", "region__name", "name")
    )


def pending_requests(actor: Actor, organisation: Organisation | None = None) -> list[QuotaRequest]:
    """Those that wait for an answer, oldest first."""
    require_staff(actor)
    rows = pending_quota_requests()
    return list(rows.filter(project__organisation=organisation) if organisation else rows)


def answered_requests(actor: Actor, most: int = 20) -> list[QuotaRequest]:
    """What staff decided last."""
    require_staff(actor)
    rows = QuotaRequest.objects.select_related("project__organisation", "region")
    decided = rows.filter(state__in=(QuotaRequest.State.APPROVED, QuotaRequest.State.REFUSED))
    return list(decided.order_by("-decided_at")[:most])
