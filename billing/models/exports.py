"""Where files of costs are sent, each day, and what came of it."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from portal.kernel import ids


def _new_id() -> str:
    return ids.public_id("ex")


class CostExport(models.Model):
    """A bucket that gets an organisation's costs as FOCUS each day; the provider's own, with the
    costs of all, has no organisation. `secret` is encrypted and never shown. `failing_since` is
    when people were told that nothing arrives, until something does.
    """

    public_id = models.CharField(max_length=16, unique=True, default=_new_id)
    organisation = models.ForeignKey(
        "tenancy.Organisation",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="cost_exports",
    )
    endpoint = models.CharField(max_length=300)
    region = models.CharField(max_length=60, default="us-east-1")
    bucket = models.CharField(max_length=63)
    prefix = models.CharField(max_length=200, blank=True)
    access_key = models.CharField(max_length=128)
    secret = models.TextField()
    version = models.CharField(max_length=3, default="1.2")
    format = models.CharField(max_length=7, default="csv")
    active = models.BooleanField(default=True)
    failing_since = models.DateTimeField(null=True, blank=True)
    created_by = models.CharField(max_length=254, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organisation"], nulls_distinct=False, name="one_export_an_organisation"
            )
        ]

    def __str__(self) -> str:
        return self.public_id


class CostUpload(models.Model):
    """The object of one day. `error` is a code (`billing.focus.uploading`), `detail` what the store
    or our own checks said; `next_attempt_at` is None when there is none.
    """

    class State(models.TextChoices):
        WAITING = "waiting"
        SENT = "sent"
        FAILED = "failed"

    export = models.ForeignKey(CostExport, on_delete=models.CASCADE, related_name="uploads")
    day = models.DateField()
    state = models.CharField(max_length=7, choices=State.choices, default=State.WAITING)
    key = models.CharField(max_length=400, blank=True)
    rows = models.PositiveIntegerField(default=0)
    size = models.PositiveBigIntegerField(default=0)
    digest = models.CharField(max_length=64, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    error = models.CharField(max_length=20, blank=True)
    detail = models.CharField(max_length=500, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["export", "day"], name="one_object_a_day")]

    def __str__(self) -> str:
        return f"{self.export_id} {self.day:%F}"
