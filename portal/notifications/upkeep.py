"""What is done without being asked: find lost work, forget what is old."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db.models.functions import Now

from portal.kernel import clock
from portal.notifications import delivering, fanout, mailing
from portal.notifications.models import Delivery, DeliveryState
from portal.outbox.actions import hint
from portal.outbox.models import OutboxEntry

_FRESH = timedelta(seconds=2)  # a message for it is still on its way
_AT_ONCE = 500
_BATCH = 5000


def sweep() -> None:
    """Entries that nobody was told of are fanned out here; mails and deliveries, which can take
    long, in tasks of their own.
    """
    now = Now()
    waiting = OutboxEntry.objects.filter(
        done_at__isnull=True, next_attempt_at__lte=now, at__lt=now - _FRESH
    )
    for entry_id in list(waiting.order_by("pk").values_list("pk", flat=True)[:_AT_ONCE]):
        fanout.fan_out(entry_id)
    if mailing.is_due():
        hint("portal.notifications.tasks.send_mails")
    if delivering.is_due():
        hint("portal.notifications.tasks.deliver")


def tidy() -> int:
    """Deletes entries older than POLDER_NOTICE_KEPT, with all that hangs on them, but not what is
    still on its way. Returns how many.
    """
    before = clock.now() - settings.POLDER_NOTICE_KEPT
    busy = Delivery.objects.filter(state=DeliveryState.PENDING).values("entry_id")
    old = OutboxEntry.objects.filter(at__lt=before, done_at__isnull=False).exclude(pk__in=busy)
    keys = list(old.order_by("pk").values_list("pk", flat=True)[:_BATCH])
    OutboxEntry.objects.filter(pk__in=keys).delete()
    return len(keys)
