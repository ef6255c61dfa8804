"""The nightly round: what the rules find becomes rows, one open for each subject; what no longer
holds expires; what was applied a month ago is compared with what it promised.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Q

from billing.advice import realised, reserving, sparing
from billing.advice.finding import Finding, findings_for
from billing.locks import alone
from billing.models import Recommendation
from portal.kernel import clock, ids
from portal.tenancy.models import Organisation
from services.instances.states import OperationState

if TYPE_CHECKING:
    from billing.models.advice import Recommendation as Row

logger = logging.getLogger(__name__)
_LOCK = 0x616476696365
# After a change the measurements of before would give the same advice again.
_SETTLES = timedelta(days=14)
_Status = Recommendation.Status
_UPDATED = (
    "current",
    "proposed",
    "saving_month",
    "currency",
    "confidence",
    "evidence",
    "checked_at",
)


def find_advice() -> int:
    """For all organisations, one after the other; how many are open then. Nothing while another
    round is at work.
    """
    with alone(_LOCK) as mine:
        if not mine:
            logger.info("advice.round_skipped")
            return 0
        now = clock.now()
        total = 0
        for organisation in Organisation.objects.filter(archived_at__isnull=True).order_by("pk"):
            total += _look_at(organisation, now)
        realised.compare(now)
        logger.info("advice.found", extra={"open": total})
        return total


@transaction.atomic
def _look_at(organisation: Organisation, now: datetime) -> int:
    """How many are open then. What is to be paused or made smaller is not reserved as it is."""
    _reopen_what_failed(organisation, now)
    silent = _silent(organisation, now)
    found = [one for one in findings_for(organisation, now) if one.key not in silent]
    changing = [one.instance.pk for one in found if one.instance is not None]
    more = (
        *reserving.findings_for(organisation, now, without=changing),
        *sparing.findings_for(organisation, now, without=changing),
    )
    for one in more:
        if one.key not in silent:
            found.append(one)
    return _keep(organisation, found, now)


def _silent(organisation: Organisation, now: datetime) -> set[tuple[str, str]]:
    """What was put away, or followed a short time ago."""
    rows = Recommendation.objects.filter(organisation=organisation)
    return set(
        rows.filter(
            Q(status=_Status.DISMISSED, dismissed_until__gt=now)
            | Q(status=_Status.APPLIED, closed_at__gt=now - _SETTLES)
        ).values_list("kind", "subject")
    )


def _keep(organisation: Organisation, findings: Iterable[Finding], now: datetime) -> int:
    rows = Recommendation.objects.filter(organisation=organisation)
    known = {
        (row.kind, row.subject): row for row in rows.filter(status=_Status.OPEN).select_for_update()
    }
    count = 0
    for finding in findings:
        row = known.pop(finding.key, None) or _new(organisation, finding, now)
        for name in _UPDATED[:-1]:
            setattr(row, name, getattr(finding, name))
        row.checked_at = now
        row.save()
        count += 1
    for row in known.values():
        bought = row.kind == Recommendation.Kind.RESERVE and reserving.was_bought(row)
        row.status, row.closed_at = _Status.APPLIED if bought else _Status.EXPIRED, now
        row.save(update_fields=["status", "closed_at"])
    return count


def _new(organisation: Organisation, finding: Finding, now: datetime) -> Row:
    instance = finding.instance
    return Recommendation(
        public_id=ids.public_id("ad"),
        organisation=organisation,
        project=instance.project if instance else None,
        instance=instance,
        kind=finding.kind,
        subject=finding.subject,
        found_at=now,
    )


def _reopen_what_failed(organisation: Organisation, now: datetime) -> None:
    """A change that did not come about was no change: the advice may be found again."""
    Recommendation.objects.filter(
        organisation=organisation,
        status=_Status.APPLIED,
        operation__state__in=(OperationState.FAILED, OperationState.CANCELLED),
    ).update(status=_Status.EXPIRED, closed_at=now)
