"""Reads of advice: of the projects whose costs somebody may see, and of the organisation itself for
its members.
"""

from __future__ import annotations

from decimal import Decimal

from django.db.models import QuerySet, Sum
from django.utils.translation import gettext as _

from billing.models import Recommendation
from billing.orders import ordering
from billing.orders.ordering import Preview
from portal.kernel.actor import Actor
from portal.kernel.errors import NotFound, PortalError
from portal.tenancy import access
from portal.tenancy.models import Organisation
from portal.tenancy.permissions import Permission

STATUSES = dict(Recommendation.Status.choices)
KINDS = dict(Recommendation.Kind.choices)
_P = Permission


def advice_for(
    actor: Actor, organisation: Organisation, *, status: str = "", kind: str = "", project: str = ""
) -> QuerySet[Recommendation]:
    """The largest saving first. Raises: NotFound, NotPermitted."""
    rows = Recommendation.objects.filter(organisation=organisation)
    rows = access.visible(actor, organisation, _P.COST_VIEW, rows)
    for field, value in (("status", status), ("kind", kind), ("project__slug", project)):
        if value:
            rows = rows.filter(**{field: value})
    return rows.select_related("instance", "project", "organisation", "operation").order_by(
        "-saving_month", "-id"
    )


def advice_called(actor: Actor, public_id: str) -> Recommendation:
    """Raises: NotFound, NotPermitted."""
    row = (
        Recommendation.objects.filter(public_id=public_id)
        .select_related("organisation", "project__organisation", "instance__region", "operation")
        .first()
    )
    if row is None:
        raise _nothing(public_id)
    try:
        access.require_at(actor, row.organisation, row.project, _P.COST_VIEW)
    except NotFound as error:
        raise _nothing(public_id) from error
    return row


def saving_of(rows: QuerySet[Recommendation]) -> Decimal:
    """All of them together, a month."""
    return rows.aggregate(sum=Sum("saving_month"))["sum"] or Decimal(0)


def projects_shown_to(actor: Actor) -> set[int]:
    """Keys of the projects whose services the reader knows by name."""
    return set(access.project_keys(actor, _P.INSTANCE_VIEW))


def may_follow(actor: Actor, advice: Recommendation) -> bool:
    """Whether the reader may apply or dismiss it."""
    held = access.permissions_at(actor, advice.organisation, advice.project)
    return (_P.INSTANCE_UPDATE if advice.project else _P.BILLING_MANAGE) in held


def preview_of(actor: Actor, advice: Recommendation) -> Preview | None:
    """What applying it would cost and mean now; None for what is no change of plan, and for
    whoever may not apply it.
    """
    if advice.kind != Recommendation.Kind.RIGHT_SIZE or advice.instance is None:
        return None
    try:
        return ordering.preview_change(
            actor=actor, instance=advice.instance, plan=advice.proposed["plan"]
        )
    except PortalError:
        return None


def _nothing(public_id: str) -> NotFound:
    return NotFound(
        _("There is no advice “%(id)s”.") % {"id": public_id}, hint=_("See the list of it.")
    )
