"""Quota of a project in a region: reserved under a lock of its rows, freed exactly once.

What an instance holds stands on the instance (`reserved`); `settle` moves it to what it should
hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

from django.db import connection
from django.db.models import Case, DecimalField, F, Value, When
from django.utils.translation import gettext as _

from portal.kernel.errors import QuotaExceeded
from services.manifests.objects import is_public, total
from services.regions import clusters
from services.regions.models import Quota, Region

if TYPE_CHECKING:
    from services.spec import Entry, InstanceSpec, Plan

Amounts = Mapping[str, Decimal]


def needs(entry: Entry, region: Region, spec: InstanceSpec) -> dict[str, Decimal]:
    """What one instance takes in `region`, by quota name: on Kubernetes what its pods ask for,
    side-cars included, elsewhere what its plan names. No query.
    """
    if region.backend == Region.Backend.KUBERNETES and entry.kubernetes is not None:
        around = clusters.settings_of(region)
        taken = total(entry.kubernetes.pods(spec, around))
        public = Decimal(1 if is_public(spec, around) else 0)
        more = {Quota.Name.PUBLIC_ENDPOINTS.value: public}
    else:
        taken, more = _of_plan(spec.plan), {}
    return {Quota.Name.INSTANCES.value: Decimal(1), **taken, **more}


def _of_plan(plan: Plan) -> dict[str, Decimal]:
    return {
        Quota.Name.VCPU.value: plan.vcpu * plan.nodes,
        Quota.Name.MEMORY_MIB.value: Decimal(plan.memory_mib * plan.nodes),
        Quota.Name.STORAGE_GIB.value: Decimal(plan.storage_gib * plan.nodes),
    }


def limits_in(region: Region, namespace: str) -> dict[str, Decimal]:
    """The limits of the project that owns `namespace`, by quota name. One query."""
    project = namespace.removeprefix("polder-")
    rows = Quota.objects.filter(region=region, project__public_id=project)
    return dict(rows.values_list("name", "limit"))


def in_bin(held: Amounts) -> dict[str, Decimal]:
    """What is still held in the bin: only the storage."""
    name = Quota.Name.STORAGE_GIB.value
    return {name: held[name]} if name in held else {}


def larger(one: Amounts, other: Amounts) -> dict[str, Decimal]:
    """The larger amount of each name: what a change may need while it runs."""
    names = {*one, *other}
    return {n: max(one.get(n, Decimal(0)), other.get(n, Decimal(0))) for n in names}


def read(stored: Mapping[str, str]) -> dict[str, Decimal]:
    """Amounts as `Instance.reserved` stores them."""
    return {name: Decimal(value) for name, value in stored.items()}


def stored(amounts: Amounts) -> dict[str, str]:
    """Amounts as `Instance.reserved` stores them."""
    return {name: str(value) for name, value in amounts.items() if value}


def move(*, project_id: int, region_id: int, held: Amounts, wanted: Amounts) -> None:
    """Reserves and frees the difference between `held` and `wanted`; all or nothing.

    A name without a Quota row has no limit. The rows are locked until the caller's transaction
    ends, in one order of names for everybody, so that two orders can neither pass the limit
    together nor lock each other out. Two queries. Raises: QuotaExceeded, naming what is wanted and
    what is left.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("quota.move must run in a transaction")
    nothing = Decimal(0)
    deltas = {n: wanted.get(n, nothing) - held.get(n, nothing) for n in {*held, *wanted}}
    deltas = {name: delta for name, delta in deltas.items() if delta}
    if not deltas:
        return
    rows = Quota.objects.filter(project_id=project_id, region_id=region_id, name__in=deltas)
    locked = list(rows.select_for_update().order_by("name"))
    for row in locked:
        if deltas[row.name] > 0 and row.used + deltas[row.name] > row.limit:
            _refuse(row, deltas[row.name])
    if locked:
        by_name = [When(name=row.name, then=Value(deltas[row.name])) for row in locked]
        change = Case(*by_name, output_field=DecimalField())
        Quota.objects.filter(pk__in=[row.pk for row in locked]).update(used=F("used") + change)


def _refuse(row: Quota, wanted: Decimal) -> None:
    left = max(row.limit - row.used, Decimal(0))
    raise QuotaExceeded(
        _("This needs %(wanted)s %(name)s and the project has %(left)s left of %(limit)s here.")
        % {
            "wanted": f"{wanted.normalize():f}",
            "name": row.name,
            "left": f"{left.normalize():f}",
            "limit": f"{row.limit.normalize():f}",
        },
        hint=_(
            "Choose a smaller plan, delete what is not needed, or ask an owner or admin of the "
            "organisation to request more."
        ),
        name=row.name,
        wanted=f"{wanted.normalize():f}",
        left=f"{left.normalize():f}",
    )
