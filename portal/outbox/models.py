"""What somebody must hear of, written in the transaction of what happened."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone

from portal.kernel import ids


def _new_entry_id() -> str:
    return ids.long_id("ev")


class OutboxEntry(models.Model):
    """One fact, as plain data: `kind` and `params` become sentences when they are read. What is the
    provider's own has no organisation.

    `target` is the public name of what it is about. Who hears of it is decided when it is fanned
    out: those who may see it, `asked_by` (the name of the actor who asked for it) and `person`,
    whom it concerns. Its webhooks are those of `project`, or else of `webhooks_of`. `done_at` is
    when bell, mail and webhooks had taken it.
    """

    public_id = models.CharField(max_length=40, unique=True, default=_new_entry_id)
    kind = models.CharField(max_length=40)
    organisation = models.ForeignKey(
        "tenancy.Organisation", null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    project = models.ForeignKey(
        "tenancy.Project", null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    webhooks_of = models.ForeignKey(
        "tenancy.Project", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    target = models.CharField(max_length=80, blank=True)
    params = models.JSONField(default=dict)
    asked_by = models.CharField(max_length=254, blank=True)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    request_id = models.CharField(max_length=64, blank=True)
    at = models.DateTimeField(default=timezone.now)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(default=timezone.now)
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["next_attempt_at"],
                condition=models.Q(done_at__isnull=True),
                name="outbox_waiting",
            ),
            models.Index(fields=["target", "-id"]),
            models.Index(fields=["at"]),
        ]

    def __str__(self) -> str:
        return f"{self.public_id} {self.kind} {self.target}"
