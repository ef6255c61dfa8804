"""What commitments need by themselves, every hour: payments charged as they fall due, months worked
out again when a day is over, people reminded of an end. Each can be done again at any time.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from django.db import connection, transaction

from billing.costs.posting import Category, Posting, post
from billing.models import Commitment, CommitmentReminder, CostLine
from billing.pricebook.reserved import payments
from portal.kernel import clock
from portal.kernel.errors import Conflict
from portal.outbox.actions import notify
from portal.tenancy.models import Organisation
from services import registry

logger = logging.getLogger(__name__)
REMIND_DAYS = (60, 30, 7)


def keep() -> None:
    """The hourly round."""
    today = clock.now().date()
    charged = sum(charge(row, today) for row in _open(today))
    mark_due(today)
    reminded = sum(remind(row, today) for row in _ending(today))
    logger.info("commitments.kept", extra={"charged": charged, "reminded": reminded})


def _open(today: date) -> list[Commitment]:
    """All that may have something to pay: the last payment falls due a month before the end."""
    rows = Commitment.objects.filter(start__lte=today, end__gt=today - timedelta(days=90))
    return list(rows.select_related("organisation"))


def charge(commitment: Commitment, today: date) -> int:
    """Posts what has fallen due and is not posted yet; returns how many payments."""
    plan = payments(
        commitment.start, commitment.months, commitment.total, commitment.upfront_percent
    )
    due = {
        f"commitment:{commitment.public_id}:{number}": (number, day, amount)
        for number, (day, amount) in enumerate(plan, start=1)
        if day <= today
    }
    known = CostLine.objects.filter(reference__in=due).values_list("reference", flat=True)
    for reference in known:
        del due[reference]
    for reference, (number, day, amount) in due.items():
        _charge(commitment, reference, f"{number}/{len(plan)}", day, amount, today)
    return len(due)


@transaction.atomic
def _charge(
    commitment: Commitment, reference: str, which: str, day: date, amount: Decimal, today: date
) -> None:
    posting = Posting(
        organisation=commitment.organisation,
        day=day,
        category=Category.PURCHASE,
        amount=amount,
        reference=reference,
        about={"what": f"{name_of(commitment)}, {which} ({commitment.public_id})"},
        effective=Decimal(0),
        offering=commitment.offering,
        region=commitment.region,
        currency=commitment.currency,
    )
    try:
        with transaction.atomic():
            line = post(posting)
    except Conflict:  # its month is closed: it comes with the next invoice
        line = post(replace(posting, day=today))
    CostLine.objects.filter(pk=line.pk).update(commitment=commitment)


def coming(organisation: Organisation, today: date, end: date) -> Decimal:
    """What falls due after `today` and before `end` of what is reserved by now, net. One query."""
    rows = Commitment.objects.filter(organisation=organisation, start__lt=end, end__gt=today)
    plans = (payments(row.start, row.months, row.total, row.upfront_percent) for row in rows)
    due = (amount for plan in plans for day, amount in plan if today < day < end)
    return sum(due, Decimal(0))


def name_of(commitment: Commitment) -> str:
    """`2 × PostgreSQL single-2x8`, or the price class: the same in every language."""
    entry = registry.entries().get(commitment.offering)
    if entry is None or not commitment.plan:
        return commitment.price_class
    return f"{commitment.pieces} × {entry.offering.name} {commitment.plan}"


def mark_due(today: date, organisations: Sequence[int] = (), *, at_once: bool = False) -> None:
    """Has the month of today and that of yesterday rated again, where a day was over since. With
    `at_once` in any case.
    """
    yesterday = today - timedelta(days=1)
    with connection.cursor() as cursor:
        cursor.execute(
            _MARK_DUE,
            {
                "today": today,
                "months": sorted({today.replace(day=1), yesterday.replace(day=1)}),
                "now": clock.now(),
                "midnight": clock.now() if at_once else datetime.combine(today, time(), UTC),
                "organisations": list(organisations) or None,
            },
        )


_MARK_DUE = """
insert into billing_ratedmonth as d (organisation_id, month, due_since, lines)
select distinct c.organisation_id, m.month, %(now)s::timestamptz, 0
from billing_commitment c
join unnest(%(months)s::date[]) as m (month)
  on c.start <= %(today)s and c.start < m.month + interval '1 month' and c."end" > m.month
where %(organisations)s::bigint[] is null or c.organisation_id = any(%(organisations)s)
on conflict (organisation_id, month) do update
set due_since = coalesce(d.due_since, excluded.due_since)
where d.closed_at is null and (d.rated_at is null or d.rated_at < %(midnight)s)"""


def _ending(today: date) -> list[Commitment]:
    """Those that end within the longest notice and are not renewed."""
    rows = Commitment.objects.filter(
        end__gt=today, end__lte=today + timedelta(days=max(REMIND_DAYS)), renewal=None
    )
    return list(rows)


@transaction.atomic
def remind(commitment: Commitment, today: date) -> bool:
    """Tells people once at each threshold; one that was passed long ago is told with the next."""
    Commitment.objects.select_for_update().get(pk=commitment.pk)
    left = (commitment.end - today).days
    told = set(commitment.reminders.values_list("days_before", flat=True))
    reached = [days for days in REMIND_DAYS if left <= days and days not in told]
    if not reached:
        return False
    CommitmentReminder.objects.bulk_create(
        CommitmentReminder(commitment=commitment, days_before=days) for days in reached
    )
    notify(
        "commitment.ending",
        organisation_id=commitment.organisation_id,
        target=commitment.public_id,
        params={
            "what": name_of(commitment),
            "end": commitment.end.isoformat(),
            "id": commitment.public_id,
        },
    )
    return True
