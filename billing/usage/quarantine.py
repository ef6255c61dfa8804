"""Events that contradict what came first, and what staff decide about them.

Nothing here bills: whoever finds that the later event was right has the meter send it under an id
of its own.
"""

from __future__ import annotations

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from billing.costs import corrections
from billing.models import RatedMonth, UsageConflict
from portal.audit.actions import PROVIDER, record
from portal.kernel import clock
from portal.kernel.actor import Actor
from portal.kernel.errors import Invalid, NotFound
from portal.tenancy.oversight import require_staff

MOST_REASON = 200


def open_conflicts(actor: Actor) -> QuerySet[UsageConflict]:
    """Those that nobody settled, newest first, with their services. Raises: NotPermitted."""
    require_staff(actor)
    rows = UsageConflict.objects.filter(settled_at__isnull=True).order_by("-received_at", "-id")
    return rows.select_related("instance__project__organisation")


@transaction.atomic
def settle_conflict(*, actor: Actor, public_id: str, reason: str) -> UsageConflict:
    """Takes one off the list; what came first stays billed.

    Raises: NotPermitted, NotFound, Invalid.
    """
    require_staff(actor)
    row = UsageConflict.objects.select_for_update().filter(public_id=public_id).first()
    if row is None:
        raise NotFound(_("There is no such event in quarantine."))
    reason = reason.strip()
    if not reason or len(reason) > MOST_REASON:
        text = _("Say why, in at most %(most)s characters.") % {"most": MOST_REASON}
        raise Invalid({"reason": text})
    if row.settled_at is None:
        row.settled_at, row.settled_by, row.reason = clock.now(), actor.name, reason
        row.save(update_fields=["settled_at", "settled_by", "reason"])
        record(
            actor,
            "usage_conflict.settle",
            "usage_conflict",
            row.public_id,
            chain=PROVIDER,
            before={"source": row.source, "event": row.event_id},
            reason=reason,
        )
    return row


def months_to_correct(actor: Actor) -> QuerySet[RatedMonth]:
    """Invoiced months of which usage became known since. Raises: NotPermitted."""
    require_staff(actor)
    return corrections.due().select_related("organisation")


def forget_person(name: str) -> None:
    """What was settled no longer says by whom. Call it within a transaction."""
    UsageConflict.objects.filter(settled_by=name).update(settled_by="")
