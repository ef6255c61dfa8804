"""Cost lines that are no usage: what is bought, credited or made good, to the cent.

Each has a `reference` (`KIND:…`, a kind of `billing.costs.texts`) that makes it exactly once:
posting the same again changes nothing, posting another amount under it replaces it. A month that is
closed takes nothing any more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection, transaction
from django.db.models import F
from django.utils.translation import gettext as _

from billing.costs.texts import KINDS
from billing.einvoice.document import rounded
from billing.metering.plantime import month_bounds
from billing.models import CostLine, RatedMonth
from portal.kernel import clock
from portal.kernel.errors import Conflict
from portal.tenancy.models import Organisation, Project
from services.instances.models import Instance

Category = CostLine.Category


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """`amount` is billed: whole cents, negative for a credit. `effective` is what it costs once
    commitments are spread over their term (the amount, if left out). `about` are the parameters of
    its text; `day` is where it stands in the costs.
    """

    organisation: Organisation
    day: date
    category: CostLine.Category
    amount: Decimal
    reference: str
    about: Mapping[str, str] = field(default_factory=dict)
    effective: Decimal | None = None
    project: Project | None = None
    instance: Instance | None = None
    offering: str = ""
    region: str = ""
    currency: str = "EUR"


def is_reference(sku: str) -> bool:
    """Whether an invoice line's `sku` names a posting, not a price."""
    return ":" in sku


@transaction.atomic
def post(posting: Posting) -> CostLine:
    """Raises: Conflict when the month is closed; ValueError for an unknown kind, for parts of a
    cent, and for a category that its sign does not fit.
    """
    _check(posting)
    month = take_month(posting.organisation.pk, posting.day)
    found = CostLine.objects.filter(reference=posting.reference).first()
    if found is not None:
        if _same(found, posting):
            return found
        withdraw(posting.reference)
    if month.closed_at is not None:
        raise _closed(month)
    line = CostLine.objects.create(
        organisation=posting.organisation,
        project=posting.project or (posting.instance.project if posting.instance else None),
        instance=posting.instance,
        offering=posting.offering or (posting.instance.offering if posting.instance else ""),
        region=posting.region or (posting.instance.region.code if posting.instance else ""),
        day=posting.day,
        category=posting.category,
        reference=posting.reference,
        about=dict(posting.about),
        unit="one",
        quantity=1,
        list_unit_price=posting.amount,
        contracted_unit_price=posting.amount,
        list_cost=posting.amount,
        contracted_cost=posting.amount,
        effective_cost=posting.amount if posting.effective is None else posting.effective,
        billed_cost=posting.amount,
        currency=posting.currency,
    )
    settle(month, line.day, line.category, lines=1, only=line)
    return line


@transaction.atomic
def withdraw(reference: str) -> bool:
    """Takes a posting back. False when there is none. Raises: Conflict when its month is closed."""
    found = CostLine.objects.filter(reference=reference).first()
    if found is None:
        return False
    month = take_month(found.organisation_id, found.day)
    if month.closed_at is not None:
        raise _closed(month)
    found.delete()
    settle(month, found.day, found.category, lines=-1, only=found)
    return True


def _check(posting: Posting) -> None:
    kind = posting.reference.partition(":")[0]
    if kind not in KINDS or not is_reference(posting.reference):
        raise ValueError(f"“{posting.reference}” is of no kind that has a text")
    if rounded(posting.amount) != posting.amount:
        raise ValueError(f"{posting.amount} has parts of a cent")
    if (posting.category == Category.CREDIT) != (posting.amount < 0):
        raise ValueError(f"{posting.amount} does not suit “{posting.category}”")


def _same(line: CostLine, posting: Posting) -> bool:
    same = (line.organisation_id, line.day, line.category, line.billed_cost, line.about)
    return same == (
        posting.organisation.pk,
        posting.day,
        posting.category,
        posting.amount,
        dict(posting.about),
    )


def take_month(organisation: int, day: date) -> RatedMonth:
    """The month, held until the transaction ends: nobody issues or posts meanwhile."""
    key: dict[str, Any] = {"organisation_id": organisation, "month": day.replace(day=1)}
    RatedMonth.objects.get_or_create(**key)
    return RatedMonth.objects.select_for_update().get(**key)


def _closed(month: RatedMonth) -> Conflict:
    return Conflict(
        _("%(month)s is closed: its invoice is issued.") % {"month": f"{month.month:%Y-%m}"},
        hint=_("Write a credit note, or charge it in a month that is open."),
    )


def settle(
    month: RatedMonth, day: date, category: str, *, lines: int, only: CostLine | None = None
) -> None:
    """Lines of a day were written or deleted, `lines` more or fewer (`only` the one, if it was
    one): its sums are made anew, and drafts that were written before are told.
    """
    RatedMonth.objects.filter(pk=month.pk).update(lines=F("lines") + lines, posted_at=clock.now())
    first, end = month_bounds(month.month)
    scope: dict[str, Any] = {
        "organisation": month.organisation_id,
        "day": day,
        "category": category,
        "month": month.month,
        # One by one, so that the index finds the lines of one instance.
        "days": [first.date() + timedelta(days=n) for n in range((end - first).days)],
        "instance": only and only.instance_id,
    }
    whose = ""
    if only is not None:
        whose = " and instance_id " + ("= %(instance)s" if only.instance_id else "is null")
    with connection.cursor() as cursor:
        cursor.execute(_DROP_SUMS, scope)
        cursor.execute(_ADD_SUMS, scope)
        cursor.execute(_DROP_SUMS_BY_INSTANCE + whose, scope)
        cursor.execute(_ADD_SUMS_BY_INSTANCE.replace("_WHOSE_", whose), scope)


_DROP_SUMS = """
delete from billing_costrollup
where organisation_id = %(organisation)s and day = %(day)s and category = %(category)s"""

_ADD_SUMS = """
insert into billing_costrollup (organisation_id, project_id, tag_set_id, offering, region, category,
  day, list_cost, contracted_cost, effective_cost, billed_cost, currency)
select organisation_id, project_id, tag_set_id, offering, region, category, day, sum(list_cost),
  sum(contracted_cost), sum(effective_cost), sum(billed_cost), currency
from billing_costline
where organisation_id = %(organisation)s and day = %(day)s and category = %(category)s
group by organisation_id, project_id, tag_set_id, offering, region, category, day, currency"""

_DROP_SUMS_BY_INSTANCE = """
delete from billing_instancerollup
where organisation_id = %(organisation)s and day = %(month)s and category = %(category)s"""

_ADD_SUMS_BY_INSTANCE = """
insert into billing_instancerollup (organisation_id, project_id, tag_set_id, instance_id, offering,
  region, category, is_correction, day, list_cost, contracted_cost, effective_cost, billed_cost,
  currency)
select organisation_id, project_id, tag_set_id, instance_id, offering, region, category,
  is_correction, %(month)s, sum(list_cost), sum(contracted_cost), sum(effective_cost),
  sum(billed_cost), currency
from billing_costline
where organisation_id = %(organisation)s and day = any(%(days)s) and category = %(category)s_WHOSE_
group by organisation_id, project_id, tag_set_id, instance_id, offering, region, category,
  is_correction, currency"""
