"""Who reports usage, what of it cannot be right, and what reports nothing."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone

from portal.accounts.models import Key


class MeterKey(Key):
    """An external meter and what it logs in with. It may report usage and nothing else. `source` is
    its name in its events.
    """

    source = models.CharField(max_length=60)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["source"], condition=Q(revoked_at__isnull=True), name="one_key_of_a_meter"
            )
        ]

    def __str__(self) -> str:
        return f"{self.source} ({self.public_id})"


class UsageConflict(models.Model):
    """An event under the `source` and `event_id` of another that says something else: in
    quarantine, billed by nobody. What came first stays. `kept` and `payload` are what the two say.
    """

    public_id = models.CharField(max_length=40, unique=True)
    source = models.CharField(max_length=100)
    event_id = models.CharField(max_length=100)
    digest = models.CharField(max_length=64)
    instance = models.ForeignKey(
        "instances.Instance", on_delete=models.PROTECT, related_name="+", db_index=False
    )
    kept = models.JSONField()
    payload = models.JSONField()
    received_at = models.DateTimeField(default=timezone.now)
    settled_at = models.DateTimeField(null=True, blank=True)
    settled_by = models.CharField(max_length=254, blank=True)
    reason = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["source", "event_id", "digest"], name="one_usage_conflict"
            )
        ]
        indexes = [
            models.Index(
                fields=["-received_at"],
                condition=Q(settled_at__isnull=True),
                name="usage_conflict_open",
            )
        ]

    def __str__(self) -> str:
        return f"{self.source}/{self.event_id}"


class UsageSilence(models.Model):
    """A running instance of which no usage was heard after `since`. It ended when usage was heard
    again, or when the instance no longer ran.
    """

    instance = models.ForeignKey(
        "instances.Instance", on_delete=models.PROTECT, related_name="+", db_index=False
    )
    since = models.DateTimeField()
    told_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["instance"],
                condition=Q(ended_at__isnull=True),
                name="one_silence_of_an_instance",
            )
        ]

    def __str__(self) -> str:
        return f"{self.instance_id} since {self.since:%F %T}"


class _Look(models.Model):
    """What was read of an instance's backend and is not an event yet: `pending` base units by meter
    since `since`, up to the last look at `looked_at`.
    """

    instance = models.OneToOneField(
        "instances.Instance", on_delete=models.PROTECT, related_name="+"
    )
    since = models.DateTimeField()
    looked_at = models.DateTimeField()
    pending = models.JSONField(default=dict)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.instance_id} until {self.looked_at:%F %T}"


class UsageLook(_Look):
    """Of what objects and disks show. `kept` is what it held beyond its plan at the last look."""

    kept = models.JSONField(default=dict)


class CounterLook(_Look):
    """Of what a region's metrics API counts, and servers themselves. `stood` is where the counters
    of its server stood at the last look; None before the first that told.
    """

    stood = models.JSONField(null=True)
