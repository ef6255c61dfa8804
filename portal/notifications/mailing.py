"""Mails of what people want to hear of: one by one, or as a digest when they come too fast.

A mail can be sent and the worker killed before it is written down; it is then sent again with the
same Message-ID, so that the reader's mail server can tell.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Sequence
from datetime import timedelta
from threading import BoundedSemaphore
from typing import Any

from django.conf import settings
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from portal.accounts import mail, people
from portal.accounts.models import User
from portal.kernel import clock
from portal.kernel.errors import Unavailable
from portal.notifications import queries
from portal.notifications.models import Mailing

logger = logging.getLogger(__name__)
MOST_A_MINUTE = 5
MOST_ATTEMPTS = 8
_MINUTE = timedelta(minutes=1)
_LEASE = timedelta(minutes=3)  # five mails at the mail server's patience of ten seconds, and room
_SHOWN = 50
_PEOPLE_A_TURN = 100
# A mail server that hangs must not take the threads that operations need.
_slot = BoundedSemaphore(1)


def is_due() -> bool:
    return _due().exists()


def send_due() -> int:
    """Mails what is due, person by person. Returns how many mails went out; 0 while another thread
    of this worker is at it.
    """
    if not _slot.acquire(blocking=False):
        return 0
    try:
        keys = _due().values_list("user_id", flat=True).order_by().distinct()[:_PEOPLE_A_TURN]
        return sum(_send_to(user_id) for user_id in list(keys))
    finally:
        _slot.release()


def _due() -> QuerySet[Mailing]:
    now = Now()
    free = Q(lease_until__isnull=True) | Q(lease_until__lt=now)
    return Mailing.objects.filter(free, ended_at__isnull=True, next_attempt_at__lte=now)


def _send_to(user_id: int) -> int:
    """Claims all that waits for one person, and sends it in as many mails as a minute may have."""
    claim = secrets.token_hex(16)
    if not _due().filter(user_id=user_id).update(claim=claim, lease_until=Now() + _LEASE):
        return 0
    held = Mailing.objects.filter(user_id=user_id, claim=claim, ended_at__isnull=True)
    rows = list(held.select_related("entry__project", "entry__organisation", "user").order_by("pk"))
    if not people.may_be_written_to(rows[0].user):
        held.update(ended_at=clock.now(), claim="", lease_until=None)
        return 0
    recent = Mailing.objects.filter(user_id=user_id, sent=True, ended_at__gt=clock.now() - _MINUTE)
    last = recent.order_by("-ended_at").first()
    if len(rows) + recent.count() <= MOST_A_MINUTE:
        return sum(_send(held, [row]) for row in rows)
    if last is None:
        return _send(held, rows)
    assert last.ended_at is not None  # noqa: S101  # the filter asks for it
    held.update(claim="", lease_until=None, next_attempt_at=last.ended_at + _MINUTE)
    return 0


def _send(held: QuerySet[Mailing], rows: Sequence[Mailing]) -> int:
    """One mail with these rows; 0 when the mail server would not have it."""
    user = rows[0].user
    ours = held.filter(pk__in=[row.pk for row in rows])
    template = "notification" if len(rows) == 1 else "digest"
    language = user.language or settings.LANGUAGE_CODE
    try:
        with translation.override(language):
            context = _context(rows)
            mail.send(template, user.email, context, language, headers=_headers(user, rows))
    except Unavailable:
        _later(ours)
        return 0
    ours.update(ended_at=clock.now(), sent=True, claim="", lease_until=None)
    return 1


def _context(rows: Sequence[Mailing]) -> dict[str, Any]:
    shown = [_item(row) for row in rows[:_SHOWN]]
    return {
        **shown[0],
        "items": shown,
        "count": len(rows),
        "more": max(len(rows) - _SHOWN, 0),
        "bell_url": settings.POLDER_URL + reverse("console:notifications"),
        "settings_url": settings.POLDER_URL + reverse("console:notification-settings"),
    }


def _item(row: Mailing) -> dict[str, Any]:
    words = queries.words_of(row.entry)
    place = row.entry.project or row.entry.organisation
    return {
        "title": words.title,
        "body": words.body,
        "url": settings.POLDER_URL + words.path if words.path else "",
        "place": place.name if place else _("Provider"),
        "at": row.entry.at,
    }


def _headers(user: User, rows: Sequence[Mailing]) -> dict[str, str]:
    domain = settings.POLDER_URL.rpartition("/")[2].partition(":")[0]
    ident = f"{rows[0].entry.public_id}.{len(rows)}.{user.pk}"
    return {"Message-ID": f"<{ident}@{domain}>", "Auto-Submitted": "auto-generated"}


def _later(ours: QuerySet[Mailing]) -> None:
    """Back to the queue, later each time; in the end given up."""
    for row in ours:
        wait = timedelta(minutes=2**row.attempts)
        over = row.attempts + 1 >= MOST_ATTEMPTS
        ours.filter(pk=row.pk).update(
            attempts=F("attempts") + 1,
            next_attempt_at=Now() + wait,
            ended_at=clock.now() if over else None,
            claim="",
            lease_until=None,
        )
        if over:
            logger.error("mail.given-up", extra={"entry": row.entry_id, "user": row.user_id})
