"""Who was told what, by which way: bell, mail, webhook. Every row hangs on an outbox entry."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from portal.kernel import ids
from portal.outbox.models import OutboxEntry


def _new_webhook_id() -> str:
    return ids.public_id("wh")


def _new_delivery_id() -> str:
    return ids.long_id("dl")


class Notification(models.Model):
    """A line in the bell of one person."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notifications"
    )
    entry = models.ForeignKey(OutboxEntry, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    read_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "entry"], name="told_once_by_bell"),
        ]
        indexes = [
            models.Index(fields=["user", "-id"]),
            models.Index(
                fields=["user"], condition=Q(read_at__isnull=True), name="notifications_unread"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} {self.entry_id}"


class Mailing(models.Model):
    """One entry that one person hears of by mail, alone or in a digest with others.

    `claim` names the worker's turn that holds it until `lease_until`.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="mailings"
    )
    entry = models.ForeignKey(OutboxEntry, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    next_attempt_at = models.DateTimeField(default=timezone.now)
    attempts = models.PositiveSmallIntegerField(default=0)
    claim = models.CharField(max_length=32, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    sent = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "entry"], name="told_once_by_mail"),
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at"], condition=Q(ended_at__isnull=True), name="mail_waiting"
            ),
            models.Index(fields=["user", "ended_at"]),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} {self.entry_id}"


class Preference(models.Model):
    """What one person chose for one kind; without a row the kind's own choice holds."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="preferences"
    )
    kind = models.CharField(max_length=40)
    bell = models.BooleanField()
    mail = models.BooleanField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "kind"], name="one_preference_per_kind"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} {self.kind}"


class Webhook(models.Model):
    """An address of a project's own that is told of its events.

    `secret` is encrypted; `previous_secret` signs beside it until `previous_until`.
    `disabled_at` with `disabled_why` empty means that a person switched it off. `failing_since` is
    when it last answered badly after having answered well; `failures` counts attempts since then.
    """

    public_id = models.CharField(max_length=16, unique=True, default=_new_webhook_id)
    project = models.ForeignKey(
        "tenancy.Project", on_delete=models.CASCADE, related_name="webhooks"
    )
    url = models.CharField(max_length=500)
    kinds = models.JSONField(default=list)
    secret = models.TextField()
    previous_secret = models.TextField(blank=True)
    previous_until = models.DateTimeField(null=True, blank=True)
    disabled_at = models.DateTimeField(null=True, blank=True)
    disabled_why = models.CharField(max_length=20, blank=True)
    failing_since = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveIntegerField(default=0)
    created_by = models.CharField(max_length=254, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [models.Index(fields=["project", "-id"])]

    def __str__(self) -> str:
        return f"{self.public_id} {self.url}"

    @property
    def active(self) -> bool:
        return self.disabled_at is None


class DeliveryState(models.TextChoices):
    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class Delivery(models.Model):
    """One event on its way to one webhook; attempts are counted, the last one is kept in words.

    `claim` counts claims and fences writes: a worker that lost its lease holds an old number.
    `by_hand`: a person asked for it, by a ping or a replay. `tries` lists {at, status, error, ms};
    `status` and `error` are those of the last.
    """

    public_id = models.CharField(max_length=40, unique=True, default=_new_delivery_id)
    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries")
    entry = models.ForeignKey(OutboxEntry, on_delete=models.CASCADE, related_name="+")
    replay_of = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="replays"
    )
    by_hand = models.BooleanField(default=False)
    state = models.CharField(
        max_length=12, choices=DeliveryState.choices, default=DeliveryState.PENDING
    )
    attempts = models.PositiveSmallIntegerField(default=0)
    claim = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True, blank=True, default=timezone.now)
    lease_until = models.DateTimeField(null=True, blank=True)
    tries = models.JSONField(default=list)
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    error = models.CharField(max_length=40, blank=True)
    duration_ms = models.PositiveIntegerField(null=True, blank=True)
    response_head = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["webhook", "entry"],
                condition=Q(by_hand=False),
                name="delivered_once_unless_by_hand",
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at"], condition=Q(state="pending"), name="delivery_waiting"
            ),
            models.Index(fields=["webhook", "-id"]),
        ]

    def __str__(self) -> str:
        return f"{self.public_id} {self.state}"
