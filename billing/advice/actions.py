"""What people do with advice: follow it, or put it away."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.utils.translation import gettext as _

from billing.models import Recommendation
from billing.orders import ordering
from portal.audit.actions import record
from portal.kernel import clock
from portal.kernel.actor import Actor
from portal.kernel.errors import Conflict, Invalid
from portal.tenancy import access
from portal.tenancy.permissions import Permission
from services.instances import actions
from services.instances.models import Instance, Operation

LONGEST_REASON = 300
DAYS = (30, 90, 365)
_Kind, _Status = Recommendation.Kind, Recommendation.Status


@transaction.atomic
def apply_advice(*, actor: Actor, advice: Recommendation) -> Operation:
    """The ordinary change: another plan through `billing.orders.ordering`, or a pause.

    Raises: NotPermitted, Conflict when it is no longer open, does not hold any more or is nothing
    that a click can do, and what the change itself raises.
    """
    row = _locked(advice)
    instance = row.instance
    if instance is None or row.proposed.get("action") in ("delete", "spot"):
        raise Conflict(
            _("This cannot be done by one click."),
            hint=_("Its page says where it is done."),
        )
    operation = _change(actor, row, instance)
    row.operation = operation
    _close(row, _Status.APPLIED)
    after = {"kind": row.kind, "operation": operation.public_id, "proposed": row.proposed}
    _record(actor, row, "advice.apply", after)
    return operation


def _change(actor: Actor, row: Recommendation, instance: Instance) -> Operation:
    if row.kind == _Kind.IDLE:
        return actions.pause(actor=actor, instance=instance)
    if instance.plan != row.current["plan"]:
        raise Conflict(
            _("The service has another plan by now, so this advice does not hold any more."),
            hint=_("It is looked at again tonight."),
        )
    return ordering.change_order(actor=actor, instance=instance, plan=row.proposed["plan"])


@transaction.atomic
def dismiss_advice(
    *, actor: Actor, advice: Recommendation, reason: str, days: int = DAYS[1]
) -> Recommendation:
    """Puts it away for so many days. Raises: NotPermitted, Invalid, Conflict unless it is open."""
    row = _locked(advice)
    if row.project is not None:
        access.require(actor, row.project, Permission.INSTANCE_UPDATE)
    else:
        access.require_in_organisation(actor, row.organisation, Permission.BILLING_MANAGE)
    faults = {}
    if not reason.strip():
        faults["reason"] = _("Say why, for those who read it later.")
    elif len(reason.strip()) > LONGEST_REASON:
        faults["reason"] = _("Use at most %(most)s characters.") % {"most": LONGEST_REASON}
    if days not in DAYS:
        choices = ", ".join(str(one) for one in DAYS)
        faults["days"] = _("Choose one of %(days)s days.") % {"days": choices}
    if faults:
        raise Invalid(faults)
    row.reason = reason.strip()
    row.dismissed_until = clock.now() + timedelta(days=days)
    _close(row, _Status.DISMISSED)
    _record(actor, row, "advice.dismiss", {"kind": row.kind, "days": days}, row.reason)
    return row


def _locked(advice: Recommendation) -> Recommendation:
    row = (
        Recommendation.objects.select_for_update(of=("self",))
        .select_related("organisation", "project__organisation", "instance__region")
        .get(pk=advice.pk)
    )
    if row.status != _Status.OPEN:
        raise Conflict(
            _("This advice is no longer open."), hint=_("Its page says what became of it.")
        )
    return row


def _close(row: Recommendation, status: Recommendation.Status) -> None:
    row.status, row.closed_at = status, clock.now()
    row.save()


def _record(
    actor: Actor, row: Recommendation, verb: str, after: dict[str, object], reason: str = ""
) -> None:
    record(
        actor,
        verb,
        "advice",
        row.public_id,
        chain=row.organisation.slug,
        project=row.project.slug if row.project else "",
        after={"subject": row.subject, **after},
        reason=reason,
    )
