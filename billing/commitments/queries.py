"""What is reserved, and how well it is used."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from django.db.models import Q, QuerySet, Sum
from django.utils.translation import gettext as _

from billing.commitments.actions import LOOK_BACK_DAYS
from billing.einvoice.document import rounded
from billing.models import Commitment, CostLine, Price
from portal.kernel import clock
from portal.kernel.actor import Actor
from portal.kernel.errors import NotFound
from portal.tenancy import access
from portal.tenancy.permissions import Permission

if TYPE_CHECKING:
    from portal.tenancy.models import Organisation

_NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class Standing:
    """Of the last 30 days that are over: how much of what was reserved was used, in percent (None
    before there is such a day), and what it saved against paying on demand, in whole cents.
    """

    used_percent: Decimal | None = None
    saved: Decimal = _NOTHING


def commitments_for(actor: Actor, organisation: Organisation) -> QuerySet[Commitment]:
    """Newest first. Raises: NotPermitted."""
    access.require_in_organisation(actor, organisation, Permission.COST_VIEW)
    rows = Commitment.objects.filter(organisation=organisation)
    return rows.select_related("renewal").prefetch_related("rates").order_by("-start", "-id")


def commitment_for(
    actor: Actor, public_id: str, permission: Permission = Permission.COST_VIEW
) -> Commitment:
    """Raises: NotFound, NotPermitted."""
    visible = access.organisations(actor, Permission.ORGANISATION_VIEW)
    row = Commitment.objects.filter(public_id=public_id, organisation__in=visible).first()
    if row is None:
        raise NotFound(
            _("There is no reservation “%(id)s”.") % {"id": public_id},
            hint=_("See the list of them."),
        )
    access.require_in_organisation(actor, row.organisation, permission)
    return row


def standings_of(organisation: Organisation, today: date | None = None) -> dict[int, Standing]:
    """By the key of the commitment; those without a day that is over are left out. One query."""
    rows = (
        _lines(organisation, today)
        .filter(commitment__isnull=False)
        .values_list("commitment")
        .annotate(Sum("effective_cost"), Sum("contracted_cost"))
        .annotate(used=Sum("effective_cost", filter=Q(instance__isnull=False)))
    )
    return {
        key: Standing(
            round((used or _NOTHING) / effective * 100, 1) if effective else None,
            rounded(contracted - effective),
        )
        for key, effective, contracted, used in rows
    }


def covered_percent(organisation: Organisation, today: date | None = None) -> Decimal | None:
    """How much of what could be reserved was, in the last 30 days: by what it costs on demand. None
    where there was nothing. Two queries.
    """
    pairs = Price.objects.filter(category=Price.Category.COMMITTED)
    reservable = set(pairs.values_list("price_class", "meter"))
    rows = (
        _lines(organisation, today)
        .filter(Q(commitment__isnull=False) | Q(tier__gt=0), instance__isnull=False)
        .values_list("price_class", "meter")
        .annotate(Sum("contracted_cost"))
        .annotate(covered=Sum("contracted_cost", filter=Q(commitment__isnull=False)))
    )
    whole = covered = _NOTHING
    for price_class, meter, cost, of_it in rows:
        if (price_class, meter) in reservable:
            whole += cost
            covered += of_it or _NOTHING
    return round(covered / whole * 100, 1) if whole else None


def reservable_classes() -> set[str]:
    """The price classes that have a reserved price now. One query."""
    now = clock.now()
    rows = Price.objects.filter(category=Price.Category.COMMITTED, valid_from__lte=now)
    rows = rows.exclude(valid_to__lte=now)
    return set(rows.values_list("price_class", flat=True).distinct())


def _lines(organisation: Organisation, today: date | None) -> QuerySet[CostLine]:
    end = today or clock.now().date()
    first = end - timedelta(days=LOOK_BACK_DAYS)
    return CostLine.objects.filter(
        organisation=organisation,
        day__gte=first,
        day__lt=end,
        category=CostLine.Category.USAGE,
        is_correction=False,
    )
