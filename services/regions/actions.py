"""Writes to regions by staff: whether they take orders."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from portal.audit.actions import PROVIDER, record
from portal.kernel.actor import Actor
from portal.kernel.errors import Conflict, Invalid
from portal.tenancy.oversight import require_staff
from services.regions.models import Region


@transaction.atomic
def close_region(*, actor: Actor, region: Region, reason: str) -> Region:
    """No new orders; what is there stays and can be changed. Raises: NotPermitted, Invalid,
    Conflict unless it is open.
    """
    return _put(actor, region, Region.Status.OPEN, Region.Status.CLOSED, "region.close", reason)


@transaction.atomic
def open_region(*, actor: Actor, region: Region, reason: str) -> Region:
    """Orders are welcome again. Raises: NotPermitted, Invalid, Conflict unless it is closed."""
    return _put(actor, region, Region.Status.CLOSED, Region.Status.OPEN, "region.open", reason)


def _put(actor: Actor, region: Region, before: str, after: str, verb: str, reason: str) -> Region:
    require_staff(actor)
    if not reason.strip():
        raise Invalid({"reason": _("Say why.")})
    row = Region.objects.select_for_update().get(pk=region.pk)
    if row.status != before:
        raise Conflict(
            _("%(region)s is not in the state that this needs.") % {"region": row.name},
            hint=_("Load the page again to see how it is."),
        )
    row.status = after
    row.save(update_fields=["status"])
    record(
        actor,
        verb,
        "region",
        row.code,
        chain=PROVIDER,
        before={"status": str(before)},
        after={"status": str(after)},
        reason=reason,
    )
    return row
