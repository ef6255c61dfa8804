"""What others changed of instances in their clusters since it was applied, as the watches of the
regions saw it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Min, QuerySet
from django.utils.translation import gettext as _

from portal.kernel.actor import Actor
from portal.kernel.errors import Conflict, Invalid
from portal.tenancy.oversight import require_staff
from services.backends.models import Applied
from services.instances import actions
from services.instances.models import Instance, Operation
from services.instances.queries import with_relations
from services.regions.models import Region


@dataclass(frozen=True, slots=True)
class Changed:
    """One object. `fields` are {field, wanted, stands, by}; it is gone where there are none."""

    kind: str
    name: str
    since: datetime
    fields: tuple[dict[str, Any], ...]


def since(instance: Instance) -> datetime | None:
    """When something of it was first seen to be other than it was applied; None where nothing is.
    One query, none where no watch looks.
    """
    if instance.region.backend != Region.Backend.KUBERNETES:
        return None
    found = _drifted().filter(region=instance.region_id, instance=instance.public_id)
    first: datetime | None = found.aggregate(first=Min("drifted_at"))["first"]
    return first


def drifted_instances(actor: Actor) -> QuerySet[Instance]:
    """Of all tenants, by region."""
    require_staff(actor)
    rows = Instance.objects.filter(
        deleted_at__isnull=True, public_id__in=_drifted().values("instance")
    )
    return with_relations(rows).order_by("region__name", "pk")


def changes_of(actor: Actor, instances: Iterable[Instance]) -> dict[str, list[Changed]]:
    """What differs, by public id. One query."""
    require_staff(actor)
    names = [instance.public_id for instance in instances]
    found: dict[str, list[Changed]] = {}
    for row in _drifted().filter(instance__in=names).order_by("position"):
        assert row.drifted_at is not None  # noqa: S101  # what `_drifted` means
        one = Changed(row.kind, row.name, row.drifted_at, tuple(row.drift))
        found.setdefault(row.instance, []).append(one)
    return found


def _drifted() -> QuerySet[Applied]:
    return Applied.objects.filter(drifted_at__isnull=False)


def put_back(*, actor: Actor, instance: Instance, reason: str) -> Operation:
    """Staff only: as it was applied, whoever changed it; the reason is kept. Raises: NotPermitted,
    Invalid, Conflict while something else is done to it.
    """
    require_staff(actor)
    if not reason.strip():
        raise Invalid({"reason": _("Say why.")})
    operation = actions.repair(actor=actor, instance=instance, reason=reason, as_applied=True)
    if operation is None:
        raise Conflict(
            _("Something is being done to “%(name)s” already.") % {"name": instance.name},
            hint=_("Wait until it ends, then look again."),
        )
    return operation
