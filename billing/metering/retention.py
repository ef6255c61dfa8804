"""How long usage is kept as it arrived: by whole calendar months, long enough for every correction.

What is billed is the day's record, which stays. Of a month whose events are gone nothing is taken
any more and nothing is worked out again, so forgetting changes no amount.

Source: shared design, billing 1.1 (the exact de-duplication is kept 13 months).
"""

from __future__ import annotations

import logging
from datetime import UTC, date, datetime, timedelta

from django.conf import settings
from django.db import connection

from portal.kernel import clock

logger = logging.getLogger(__name__)
_AT_ONCE = 50_000
# What was taken in the last moment of its month is metered before that month is forgotten.
_GRACE = timedelta(days=5)


def taken_since() -> datetime:
    """Usage that began earlier is no longer taken: the first moment of a month, UTC."""
    return _first_moment(clock.now())


def is_forgotten(month: datetime) -> bool:
    """Whether events of the month that begins then may be gone."""
    return month < _first_moment(clock.now() - _GRACE)


def forget_events() -> int:
    """Deletes events of forgotten months that are closed and have nothing left to correct; an open
    month keeps all of its own. Returns how many there were.
    """
    before, deleted = _first_moment(clock.now() - _GRACE), 0
    last = _AT_ONCE
    while last == _AT_ONCE:
        with connection.cursor() as cursor:
            cursor.execute(_FORGET, {"before": before, "most": _AT_ONCE})
            last = int(cursor.rowcount)
        deleted += last
    if deleted:
        logger.info("usage.forgotten", extra={"events": deleted, "before": str(before.date())})
    return deleted


def _first_moment(moment: datetime) -> datetime:
    oldest: date = moment.date() - timedelta(days=settings.POLDER_USAGE_KEPT_DAYS)
    return datetime(oldest.year, oldest.month, 1, tzinfo=UTC)


_FORGET = """
delete from billing_usageevent where id in (
  select e.id from billing_usageevent e
  join instances_instance i on i.id = e.instance_id
  join tenancy_project p on p.id = i.project_id
  join billing_ratedmonth r on r.organisation_id = p.organisation_id
    and r.month = date_trunc('month', e.start at time zone 'UTC')::date
  where e.start < %(before)s and r.closed_at is not null and r.due_since is null
  limit %(most)s)"""
