"""From an outbox entry to the rows of everybody who hears of it: one transaction, so that a worker
killed at any line has told nobody, or all.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from portal.accounts.models import User
from portal.kernel import clock
from portal.notifications import kinds, queries
from portal.notifications.kinds import Kind
from portal.notifications.models import Delivery, Mailing, Notification, Webhook
from portal.outbox.actions import hint
from portal.outbox.models import OutboxEntry
from portal.tenancy import queries as tenancy

logger = logging.getLogger(__name__)
_LONGEST_WAIT_SECONDS = 3600


def fan_out(entry_id: int) -> bool:
    """Tells everybody, unless another worker does or did. True when this call did it.

    A bug of ours must not hold up the others: it is logged and the entry tried again later.
    """
    try:
        with transaction.atomic():
            entry = (
                OutboxEntry.objects.select_for_update(skip_locked=True)
                .filter(pk=entry_id, done_at__isnull=True)
                .first()
            )
            if entry is None:
                return False
            _tell(entry)
            entry.done_at = clock.now()
            entry.save(update_fields=["done_at"])
    except Exception:
        logger.exception("fanout.failed", extra={"entry": entry_id})
        _later(entry_id)
        return False
    return True


def _tell(entry: OutboxEntry) -> None:
    kind = kinds.get(entry.kind)
    wishes = queries.wishes(kind, _hearers(kind, entry)) if kind.label else {}
    by_bell = [user_id for user_id, wish in wishes.items() if wish.bell]
    by_mail = [user_id for user_id, wish in wishes.items() if wish.mail]
    Notification.objects.bulk_create(
        [Notification(user_id=user_id, entry=entry, created_at=entry.at) for user_id in by_bell]
    )
    Mailing.objects.bulk_create([Mailing(user_id=user_id, entry=entry) for user_id in by_mail])
    hooks = _webhooks(kind, entry)
    Delivery.objects.bulk_create([Delivery(webhook=hook, entry=entry) for hook in hooks])
    if by_mail:
        transaction.on_commit(lambda: hint("portal.notifications.tasks.send_mails"))
    if hooks:
        transaction.on_commit(lambda: hint("portal.notifications.tasks.deliver"))


def hearers_at(kind: Kind, organisation_id: int | None, project_id: int | None) -> set[int]:
    """Keys of the people who hear of everything of this kind there."""
    if kind.everyone is None or organisation_id is None:
        return set()
    people = tenancy.people_with(
        kind.everyone, organisation_id=organisation_id, project_id=project_id
    )
    return set(people.values_list("pk", flat=True))


def _hearers(kind: Kind, entry: OutboxEntry) -> set[int]:
    """Keys of the people who hear of it."""
    found = hearers_at(kind, entry.organisation_id, entry.project_id)
    if kind.staff:
        staff = User.objects.filter(is_staff=True, is_active=True)
        found |= set(staff.values_list("pk", flat=True))
    if entry.asked_by and kind.sees is not None and entry.organisation_id is not None:
        asker = tenancy.people_with(
            kind.sees, organisation_id=entry.organisation_id, project_id=entry.project_id
        )
        asker = asker.filter(email=entry.asked_by)
        found |= set(asker.values_list("pk", flat=True))
    if entry.person_id is not None:
        found.add(entry.person_id)
    return found


def _webhooks(kind: Kind, entry: OutboxEntry) -> list[Webhook]:
    project_id = entry.project_id or entry.webhooks_of_id
    if not kind.webhook or project_id is None:
        return []
    rows = Webhook.objects.filter(project_id=project_id, disabled_at__isnull=True)
    return list(rows.filter(kinds__contains=[kind.code]))


def _later(entry_id: int) -> None:
    entry = OutboxEntry.objects.filter(pk=entry_id).first()
    if entry is not None:
        wait = timedelta(seconds=min(5 * 2**entry.attempts, _LONGEST_WAIT_SECONDS))
        OutboxEntry.objects.filter(pk=entry_id).update(
            attempts=F("attempts") + 1, next_attempt_at=Now() + wait
        )
