"""The daily object: written, checked, sent, written down, tried again.

One object a day under a key that says which: an attempt after the first writes the same key. It
holds all days before its own of the month that runs, and of the month before while that is open or
was closed since the last object. Retries stand in the row; the timetable only makes them prompt.

Source: Amazon S3 API reference, PutObject and error responses.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from tempfile import TemporaryFile
from typing import IO

from django.db import transaction
from django.db.models import F

from billing.focus import export_notices, queries, writing
from billing.focus.checks import Report, check_csv
from billing.focus.columns import Dataset
from billing.focus.rows import Scope, of_month
from billing.focus.signing import signed_headers
from billing.models import CostExport, CostUpload, RatedMonth
from portal.kernel import clock, crypto
from portal.notifications import sending, targets
from portal.notifications.sending import Answer, SendError
from portal.notifications.targets import TargetError

logger = logging.getLogger(__name__)

_NOT_BEFORE = 2  # o'clock, UTC: the day before is metered and rated by then
_DELAYS = (timedelta(minutes=15), timedelta(hours=1), timedelta(hours=4), timedelta(hours=8))
_LEASE = timedelta(hours=1)
_SECONDS = 900  # for one object
_PORTS = {"https": 443, "http": 80}
_CODE = re.compile(r"<Code>(\w{1,60})</Code>")
_TRY = "polder-test.txt"
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Outcome:
    """`error` is empty when it went well, else one of: `check` (the file is not right), `status`,
    `redirect`, or why nothing could be sent (as of a webhook); `detail` is what was said.
    """

    error: str = ""
    detail: str = ""


def upload_due() -> int:
    """Sends what is due of all exports, one after the other; returns how many attempts."""
    now = clock.now()
    if now.hour < _NOT_BEFORE:
        return 0
    rows = CostExport.objects.filter(active=True).exclude(organisation__archived_at__isnull=False)
    count = 0
    for export in rows.select_related("organisation").order_by("pk"):
        if (upload := _claim(export, now.date())) is not None:
            attempt(export, upload)
            count += 1
    return count


def _claim(export: CostExport, day: date) -> CostUpload | None:
    """The day's row when it is due, held until its lease ends; None when somebody else has it."""
    now = clock.now()
    with transaction.atomic():
        fresh = {"next_attempt_at": now, "created_at": now}
        CostUpload.objects.get_or_create(export=export, day=day, defaults=fresh)
        rows = CostUpload.objects.select_for_update(skip_locked=True)
        row = rows.filter(export=export, day=day, state=CostUpload.State.WAITING).first()
        if row is None or row.next_attempt_at is None or row.next_attempt_at > now:
            return None
        if row.lease_until is not None and row.lease_until > now:
            return None
        CostUpload.objects.filter(pk=row.pk).update(
            attempts=F("attempts") + 1, lease_until=now + _LEASE
        )
        row.refresh_from_db()
    return row


def attempt(export: CostExport, upload: CostUpload) -> Outcome:
    """Sends the object of a day and writes down what came of it."""
    upload.key = key_of(export, upload.day)
    scope = scope_of(export, upload.day)
    with TemporaryFile() as out, TemporaryFile() as spool:
        writing.write(Dataset.COST_AND_USAGE, export.version, scope, export.format, out, spool)
        source = out if export.format == writing.CSV else spool
        source.seek(0)
        facts = queries.facts_of(scope)
        report = check_csv(Dataset.COST_AND_USAGE, export.version, source, facts)
        upload.rows = report.rows
        outcome = _of_report(report) if report.count else put(export, upload.key, out)
        upload.size, upload.digest = out.seek(0, 2), _digest(out)
    _settle(upload, outcome)
    return outcome


def _of_report(report: Report) -> Outcome:
    logger.error("costs.export_not_right", extra={"findings": report.count})
    return Outcome("check", report.findings[0][:500])


def _settle(upload: CostUpload, outcome: Outcome) -> None:
    now, tries = clock.now(), upload.attempts
    over = not outcome.error or tries > len(_DELAYS)
    states = CostUpload.State
    upload.state = states.WAITING if not over else states.FAILED if outcome.error else states.SENT
    upload.next_attempt_at = None if over else now + _DELAYS[tries - 1]
    upload.error, upload.detail = outcome.error, outcome.detail
    upload.lease_until, upload.finished_at = None, now if over else None
    with transaction.atomic():
        upload.save()
        export_notices.tell(upload.export, upload)
    logger.info("costs.exported", extra={"export": upload.export_id, "error": outcome.error})


# -- what is in it, and where it lies --------------------------------------------------------------


def scope_of(export: CostExport, day: date) -> Scope:
    """All days before `day` of the billing periods that can have changed since the last object."""
    organisation = export.organisation_id
    last = of_month(organisation, day - timedelta(days=1))
    earlier = of_month(organisation, last.first - timedelta(days=1))
    first = earlier.first if _may_have_changed(export, earlier.first, day) else last.first
    return Scope(organisation, first, last.end, before=day)


def _may_have_changed(export: CostExport, month: date, day: date) -> bool:
    rows = RatedMonth.objects.filter(month=month)
    if export.organisation_id is not None:
        rows = rows.filter(organisation=export.organisation_id)
    sent = export.uploads.filter(state=CostUpload.State.SENT, day__lt=day).order_by("-day").first()
    if sent is None or rows.filter(closed_at=None).exists():
        return rows.exists()
    return rows.filter(closed_at__gte=sent.created_at).exists()


def key_of(export: CostExport, day: date) -> str:
    """`PREFIX/acme/focus-1.2/2026-11-26.csv`."""
    owner = export.organisation.slug if export.organisation else "provider"
    name = f"{owner}/focus-{export.version}/{day:%Y-%m-%d}.{export.format}"
    return f"{export.prefix}/{name}" if export.prefix else name


# -- the store -------------------------------------------------------------------------------------


def put(export: CostExport, key: str, body: IO[bytes]) -> Outcome:
    """Writes an object. Nothing is told of the secret, whatever the store says."""
    digest = _digest(body)
    size = body.seek(0, 2)
    body.seek(0)
    try:
        url = targets.parse(f"{export.endpoint}/{export.bucket}/{key}")
        address = targets.address_of(url)
        host = f"[{url.host}]" if ":" in url.host else url.host
        headers = signed_headers(
            "PUT",
            host if url.port == _PORTS[url.scheme] else f"{host}:{url.port}",
            url.path,
            digest,
            access_key=export.access_key,
            secret=crypto.decrypt(export.secret),
            region=export.region,
            at=clock.now(),
        )
        answer = sending.send("PUT", url, address, body, _with_length(headers, size), _SECONDS)
    except (TargetError, SendError) as error:
        return Outcome(error.code)
    except ValueError:  # the rules for addresses became stricter since it was made
        return Outcome("refused")
    return _outcome(answer)


def try_out(export: CostExport) -> Outcome:
    """Writes a small object beside the others."""
    with TemporaryFile() as body:
        body.write(b"Polder can write here.\n")
        return put(export, f"{export.prefix}/{_TRY}" if export.prefix else _TRY, body)


def _digest(body: IO[bytes]) -> str:
    """SHA-256 of the whole, in hex."""
    found = hashlib.sha256()
    body.seek(0)
    while chunk := body.read(_CHUNK):
        found.update(chunk)
    return found.hexdigest()


def _with_length(headers: Mapping[str, str], size: int) -> dict[str, str]:
    return {**headers, "content-length": str(size), "connection": "close"}


def _outcome(answer: Answer) -> Outcome:
    if 200 <= answer.status < 300:
        return Outcome()
    said = _CODE.search(answer.head)
    detail = f"{answer.status} {said[1]}" if said else str(answer.status)
    return Outcome("redirect" if 300 <= answer.status < 400 else "status", detail)
