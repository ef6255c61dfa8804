"""What staff sees of the ends of months: the grace, the runs, and who has no invoice yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Count, Q, QuerySet, Sum
from django.utils.translation import gettext as _

from billing.identity.texts import fault_text
from billing.metering.plantime import month_bounds
from billing.models import CostRollup, Invoice, InvoiceRun, RatedMonth
from billing.month_end.runs import BACK_DAYS, grace_until, payable, unbilled
from portal.kernel import clock
from portal.kernel.actor import Actor
from portal.tenancy.models import Organisation
from portal.tenancy.oversight import require_staff

_NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class MonthEnd:
    """How far a calendar month is: organisations with something to pay for, drafts and issued
    invoices among them with their net sum, and what was used and has no issued invoice, net.
    """

    month: date
    is_over: bool
    grace_until: datetime
    organisations: int
    drafts: int
    issued: int
    net: Decimal
    unbilled: int
    unbilled_cost: Decimal

    @property
    def grace_left(self) -> timedelta | None:
        """None before the month is over, and after the grace."""
        left = self.grace_until - clock.now()
        return left if self.is_over and left > timedelta(0) else None


@dataclass(frozen=True, slots=True)
class HeldUp:
    """An organisation without its invoice. `mendable` by its billing details."""

    organisation: Organisation
    reason: str
    mendable: bool


def months(actor: Actor, *, most: int = 12) -> list[date]:
    """Months that are over and in which something was used, newest first. Raises: NotPermitted."""
    require_staff(actor)
    this = clock.now().date().replace(day=1)
    rows = RatedMonth.objects.filter(month__lt=this, lines__gt=0)
    return list(rows.values_list("month", flat=True).distinct().order_by("-month")[:most])


def month_end(actor: Actor, month: date) -> MonthEnd:
    """Raises: NotPermitted."""
    require_staff(actor)
    end = month_bounds(month)[1]
    found = Invoice.objects.filter(month=month, kind="380").aggregate(
        drafts=Count("pk", filter=Q(status=Invoice.Status.DRAFT)),
        issued=Count("pk", filter=Q(status=Invoice.Status.ISSUED)),
        net=Sum("net"),
    )
    left = unbilled(month).values("organisation")
    costs = CostRollup.objects.filter(organisation__in=left, day__gte=month, day__lt=end.date())
    return MonthEnd(
        month=month,
        is_over=clock.now() >= end,
        grace_until=grace_until(month),
        organisations=payable(month).count(),
        drafts=found["drafts"],
        issued=found["issued"],
        net=found["net"] or _NOTHING,
        unbilled=left.count(),
        unbilled_cost=costs.aggregate(sum=Sum("billed_cost"))["sum"] or _NOTHING,
    )


def runs(actor: Actor, month: date) -> QuerySet[InvoiceRun]:
    """Newest first. Raises: NotPermitted."""
    require_staff(actor)
    return InvoiceRun.objects.filter(month=month).select_related("by").order_by("-pk")


def count_held_up(actor: Actor) -> int:
    """Invoices that the latest runs of the last months could not write. Raises: NotPermitted."""
    require_staff(actor)
    since = clock.now().date() - timedelta(days=BACK_DAYS)
    rows = InvoiceRun.objects.filter(finished_at__isnull=False, month__gte=since)
    latest = rows.order_by("month", "-pk").distinct("month")
    return sum(len(held) for held in latest.values_list("held_up", flat=True))


def held_up(run: InvoiceRun) -> list[HeldUp]:
    """Who has no invoice after a run that a staff member was given, by name."""
    rows = Organisation.objects.filter(slug__in=run.held_up).order_by("name", "pk")
    return [
        HeldUp(row, reason(run.held_up[row.slug]), run.held_up[row.slug]["why"] == "identity")
        for row in rows
    ]


def reason(why: Mapping[str, Any]) -> str:
    """Why somebody is held up, in words."""
    if why["why"] == "identity":
        return " ".join(fault_text(code) for code in why["faults"])
    if why["why"] == "refused":
        return str(why["text"])
    return _("Polder failed at this invoice; its log says why. Nothing was issued.")
