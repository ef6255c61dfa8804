"""What others changed in the clusters of regions, as staff sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.core.paginator import Paginator
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from portal.console.staff.work import Done
from portal.kernel.actor import Actor
from portal.kernel.errors import Invalid, PortalError
from portal.tenancy import oversight as customers
from services import registry
from services.instances import drift, oversight
from services.regions import clusters, texts

if TYPE_CHECKING:
    from services.instances.models import Instance
    from services.spec import Offering

MOST = 100
_PER_PAGE = 50


@dataclass(frozen=True, slots=True)
class Row:
    """A service, what differs of it, and what its region is set to do about that."""

    instance: Instance
    offering: Offering
    changes: list[drift.Changed]
    policy: str


def drifted(actor: Actor, asked: dict[str, str]) -> dict[str, Any]:
    """Context of console/staff/drift.html; tenants are told. `asked`: page."""
    found = Paginator(drift.drifted_instances(actor), _PER_PAGE).get_page(asked.get("page"))
    shown = list(found)
    slugs = {instance.project.organisation.slug for instance in shown}
    customers.note_looks(actor, slugs, seen="services")
    changes = drift.changes_of(actor, shown)
    rows = [
        Row(
            instance,
            registry.get(instance.offering).offering,
            changes.get(instance.public_id, []),
            _(texts.DRIFTS[clusters.drift_policy(instance.region)]),
        )
        for instance in shown
    ]
    return {"found": found, "rows": rows}


def put_back(actor: Actor, public_ids: list[str], reason: str) -> Done:
    """One refusal stops no other. Raises: Invalid when nothing can be begun."""
    faults = {}
    if not 1 <= len(public_ids) <= MOST:
        faults["id"] = _("Tick at least one service, and at most %(most)d.") % {"most": MOST}
    if not reason.strip():
        faults["reason"] = _("Say why: the organisation reads it.")
    if faults:
        raise Invalid(faults)
    refused = [said for name in public_ids if (said := _one(actor, name, reason))]
    n = len(public_ids) - len(refused)
    text = ngettext("%(n)d service is put back.", "%(n)d services are put back.", n) % {"n": n}
    return Done(text if n else "", refused)


def _one(actor: Actor, public_id: str, reason: str) -> str:
    try:
        instance = oversight.instance(actor, public_id)
        drift.put_back(actor=actor, instance=instance, reason=reason)
    except PortalError as error:
        return f"{public_id}: {error.text} {error.hint}"
    return ""
