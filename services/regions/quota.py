"""Quota of a project in a region: reserved by one guarded UPDATE a name, freed exactly once.

What an instance holds stands on the instance (`reserved`); `settle` moves it to what it should
hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

from django.db import connection
from django.db.models import F
from django.utils.translation import gettext as _

from portal.kernel.errors import QuotaExceeded
from services.regions.models import Quota

if TYPE_CHECKING:
    from services.spec import Offering, Plan

Amounts = Mapping[str, Decimal]


def needs(offering: Offering, plan: Plan) -> dict[str, Decimal]:
    """What one instance of `plan` takes, by quota name; counted from the plan (process backend)."""
    return {
        Quota.Name.INSTANCES.value: Decimal(1),
        Quota.Name.VCPU.value: plan.vcpu * plan.nodes,
        Quota.Name.MEMORY_MIB.value: Decimal(plan.memory_mib * plan.nodes),
        Quota.Name.STORAGE_GIB.value: Decimal(plan.storage_gib * plan.nodes),
    }


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
    """Reserves and frees the difference between `held` and `wanted`; all or nothing within the
    caller's transaction.

    A name without a Quota row has no limit. Raises: QuotaExceeded, naming what is wanted and what
    is left.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("quota.move must run in a transaction")
    # One order of names for everybody, so that two orders cannot lock each other out.
    for name in sorted({*held, *wanted}):
        delta = wanted.get(name, Decimal(0)) - held.get(name, Decimal(0))
        if delta == 0:
            continue
        rows = Quota.objects.filter(project_id=project_id, region_id=region_id, name=name)
        if delta < 0:
            rows.update(used=F("used") + delta)
        elif not rows.filter(used__lte=F("limit") - delta).update(used=F("used") + delta):
            _refuse(rows.first(), name, delta)


def _refuse(row: Quota | None, name: str, wanted: Decimal) -> None:
    if row is None:
        return
    left = max(row.limit - row.used, Decimal(0))
    raise QuotaExceeded(
        _("This needs %(wanted)s %(name)s and the project has %(left)s left of %(limit)s here.")
        % {
            "wanted": f"{wanted.normalize():f}",
            "name": name,
            "left": f"{left.normalize():f}",
            "limit": f"{row.limit.normalize():f}",
        },
        hint=_(
            "Choose a smaller plan, delete what is not needed, or ask an owner or admin of the "
            "organisation to request more."
        ),
        name=name,
        wanted=f"{wanted.normalize():f}",
        left=f"{left.normalize():f}",
    )
