"""The SLA of a month: settled when it is over, its credits posted by themselves.

A month is settled before each draft of its invoice, and again after it was issued, since minutes
may become known late. The credit of an open month stands in that month; what is owed beyond an
issued invoice becomes a credit note. Settling again changes nothing.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext as _

from billing.costs import sla_postings
from billing.costs.posting import Category, withdraw
from billing.costs.sla_postings import open_month, post_credit, prefix_of, reference_of
from billing.costs.texts import charge_text
from billing.credit_notes.actions import credit_amount
from billing.metering.plantime import month_bounds
from billing.models import CostLine, Invoice, RatedMonth, SlaMonth
from billing.sla import facts
from billing.sla.arithmetic import Credit, Measured, credit_for, measure
from portal.kernel import clock
from portal.kernel.actor import SYSTEM
from portal.kernel.errors import Conflict, PortalError
from portal.tenancy.models import Organisation
from services.instances.models import Instance

logger = logging.getLogger(__name__)
_NOTHING = Decimal(0)
_LATE = timedelta(days=60)  # after the end of a month: what becomes known later changes nothing
_KEY = ("instance", "month")
_MEASURED = (
    "target",
    "expected",
    "excluded",
    "unknown",
    "bad",
    "within",
    "windows",
    "slow",
)
_FIELDS = (*_MEASURED, "outages", "for_time", "for_speed", "cost", "amount", "settled_at")


@dataclass(frozen=True, slots=True)
class Owed:
    """What an issued invoice did not credit: `amount` of the `in_all` that is owed."""

    instance: Instance
    amount: Decimal
    in_all: Decimal


@dataclass(frozen=True, slots=True)
class Settled:
    """What a month's credits come to, and what is left of it to make good."""

    total: Decimal
    late: list[Owed]


@transaction.atomic
def settle(organisation: Organisation, month: date) -> Settled:
    """Measures a month that is over and, while it is open, posts its credits.

    Raises: ValueError when the month is not over.
    """
    if clock.now() < month_bounds(month)[1]:
        raise ValueError(f"{month:%Y-%m} is not over")
    rows = Instance.objects.filter(project__organisation=organisation)
    made, late, booking = [], [], _Booking(organisation, month)
    for subject in facts.subjects(organisation, month, rows):
        measured = measure(subject.facts)
        credit = credit_for(measured, subject.cost)
        made.append(_row(organisation, subject.instance, month, measured, credit))
        if owed := booking.bring_to(subject.instance, credit.amount):
            late.append(owed)
    SlaMonth.objects.bulk_create(
        made, update_conflicts=True, unique_fields=_KEY, update_fields=_FIELDS, batch_size=1000
    )
    return Settled(sum((row.amount for row in made), _NOTHING), late)


def settle_late() -> int:
    """Measures issued months again for a while. How many months of organisations there were."""
    now = clock.now()
    rows = RatedMonth.objects.filter(
        month__gte=(now - _LATE).date().replace(day=1),
        month__lt=now.date().replace(day=1),
        closed_at__isnull=False,
    )
    count = 0
    for row in rows.select_related("organisation").iterator(chunk_size=500):
        for owed in settle(row.organisation, row.month).late:
            _make_good(row.organisation, row.month, owed)
        count += 1
    return count


def _make_good(organisation: Organisation, month: date, owed: Owed) -> None:
    """By a credit note to the invoice; where none can be written, in the next month."""
    invoice = Invoice.objects.filter(
        organisation=organisation, month=month, kind="380", status=Invoice.Status.ISSUED
    ).first()
    reference = reference_of(owed.instance, month, month)
    try:
        if invoice is None:
            raise Conflict(_("%(month)s has no invoice.") % {"month": f"{month:%Y-%m}"})
        with translation.override(invoice.document["language"]):
            reason = charge_text(reference, sla_postings.about(owed.instance, month))
        credit_amount(
            actor=SYSTEM,
            invoice=invoice,
            amount=owed.amount,
            reason=reason,
            cause=f"{reference}:{owed.in_all}",
            instance=owed.instance,
        )
    except PortalError as error:
        said = {"instance": owed.instance.public_id, "why": error.text}
        logger.warning("sla.no_note", extra=said)
        booked = open_month(organisation, month)
        post_credit(organisation, owed.instance, month, booked, owed.amount)


def _row(
    organisation: Organisation,
    instance: Instance,
    month: date,
    measured: Measured,
    credit: Credit,
) -> SlaMonth:
    return SlaMonth(
        organisation=organisation,
        instance=instance,
        month=month,
        outages=[list(outage) for outage in measured.outages],
        for_time=credit.for_time,
        for_speed=credit.for_speed,
        cost=credit.cost,
        amount=credit.amount,
        settled_at=clock.now(),
        **{name: getattr(measured, name) for name in _MEASURED},
    )


class _Booking:
    """Where the credits of an organisation's month stand. Three queries, and more where one
    changes.
    """

    def __init__(self, organisation: Organisation, month: date) -> None:
        self.organisation, self.month = organisation, month
        closed = RatedMonth.objects.filter(
            organisation=organisation, month__gte=month, closed_at__isnull=False
        )
        self.closed = set(closed.values_list("month", flat=True))
        self.given: dict[str, Decimal] = defaultdict(Decimal)
        self.loose: dict[str, dict[date, Decimal]] = defaultdict(dict)  # by the open month
        for line in credited(organisation, month):
            name, booked = instance_of(line.reference), line.day.replace(day=1)
            if booked in self.closed:
                self.given[name] -= line.billed_cost
            else:
                self.loose[name][booked] = -line.billed_cost
        for note in notes_for(organisation, month):
            self.given[instance_of(note.cause)] += note.net

    def bring_to(self, instance: Instance, owed: Decimal) -> Owed | None:
        """Brings what is credited to `owed`, or tells what is left to make good of an issued
        invoice. What that gave is not taken back. Where it stands in several open months, since one
        had no room for all of it, another amount stands in the first: its draft moves it on.
        """
        name = instance.public_id
        rest, loose = owed - self.given[name], self.loose.get(name, {})
        if not loose and self.month in self.closed:
            return Owed(instance, rest, owed) if rest > 0 else None
        if loose and self.month in self.closed and sum(loose.values()) == rest:
            return None
        booked = min(loose, default=self.month)
        for month in {booked, *loose} if rest <= 0 else loose.keys() - {booked}:
            withdraw(reference_of(instance, self.month, month))
        if rest > 0:
            post_credit(self.organisation, instance, self.month, booked, rest)
        return None


def credited(organisation: Organisation, month: date) -> list[CostLine]:
    """The credits for a month, in the order in which they were given."""
    rows = CostLine.objects.filter(
        organisation=organisation,
        category=Category.CREDIT,
        reference__startswith=prefix_of(month),
        day__gte=month,
    )
    return list(rows.order_by("day"))


def notes_for(organisation: Organisation, month: date) -> list[Invoice]:
    """The credit notes for a month, in the order in which they were written."""
    rows = Invoice.objects.filter(
        organisation=organisation,
        cause__startswith=prefix_of(month),
        status=Invoice.Status.ISSUED,
    )
    return list(rows.defer("document").order_by("pk"))


def instance_of(reference: str) -> str:
    """The public id of the instance that a credit is for."""
    return reference.split(":")[2]
