"""What the provider says of itself: incidents, planned maintenance, announcements.

Texts are the staff's own words in one language. Regions and families are kept by their code, so
that history stays readable after a region is gone; an empty list means all of them.
"""

from __future__ import annotations

from datetime import datetime

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from portal.kernel import ids


def _incident_id() -> str:
    return ids.public_id("inc")


def _maintenance_id() -> str:
    return ids.public_id("mnt")


def _announcement_id() -> str:
    return ids.public_id("ann")


class Impact(models.TextChoices):
    """How much of what was promised is missing, least first."""

    NONE = "none"
    MINOR = "minor"
    MAJOR = "major"
    CRITICAL = "critical"


class Incident(models.Model):
    """Something that goes, or went, wrong. What was said of it stands in its updates."""

    class State(models.TextChoices):
        INVESTIGATING = "investigating"
        IDENTIFIED = "identified"
        MONITORING = "monitoring"
        RESOLVED = "resolved"

    public_id = models.CharField(max_length=16, unique=True, default=_incident_id)
    title = models.CharField(max_length=120)
    state = models.CharField(max_length=16, choices=State.choices, default=State.INVESTIGATING)
    impact = models.CharField(max_length=12, choices=Impact.choices, default=Impact.MINOR)
    regions = ArrayField(models.CharField(max_length=32), default=list, blank=True)
    families = ArrayField(models.CharField(max_length=32), default=list, blank=True)
    started_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state="resolved", resolved_at__isnull=False)
                | (~Q(state="resolved") & Q(resolved_at__isnull=True)),
                name="incident_resolved_has_a_time",
            ),
            models.CheckConstraint(
                condition=Q(resolved_at__isnull=True) | Q(resolved_at__gte=F("started_at")),
                name="incident_ends_after_its_start",
            ),
        ]
        indexes = [models.Index(fields=["-started_at"])]

    def __str__(self) -> str:
        return f"{self.public_id} {self.title}"


class IncidentUpdate(models.Model):
    """What was said of an incident, and the state it had from then on. The database refuses to
    change or delete one (migration 0002).
    """

    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="updates")
    state = models.CharField(max_length=16, choices=Incident.State.choices)
    text = models.TextField()
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["incident", "-at"])]

    def __str__(self) -> str:
        return f"{self.incident_id} {self.state} {self.at:%F %T}"


class Maintenance(models.Model):
    """Work that was announced. It began and ended as planned unless `ended_at` or `cancelled_at`
    says otherwise.
    """

    public_id = models.CharField(max_length=16, unique=True, default=_maintenance_id)
    title = models.CharField(max_length=120)
    text = models.TextField()
    regions = ArrayField(models.CharField(max_length=32), default=list, blank=True)
    families = ArrayField(models.CharField(max_length=32), default=list, blank=True)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    announced_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)  # before its time
    cancelled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")), name="maintenance_ends_after_its_start"
            )
        ]
        indexes = [models.Index(fields=["-starts_at"])]

    def __str__(self) -> str:
        return f"{self.public_id} {self.title}"

    @property
    def until(self) -> datetime:
        """When it ends, or ended."""
        return self.ended_at or self.ends_at

    def is_over(self, at: datetime) -> bool:
        return self.cancelled_at is not None or self.until <= at

    def is_running(self, at: datetime) -> bool:
        return not self.is_over(at) and self.starts_at <= at


class Announcement(models.Model):
    """A notice at the top of the console, for `audience`, from `starts_at` to `ends_at`."""

    class Level(models.TextChoices):
        INFO = "info"
        WARN = "warn"
        BAD = "bad"

    class Audience(models.TextChoices):
        ALL = "all"
        REGION = "region"
        ORGANISATION = "organisation"

    public_id = models.CharField(max_length=16, unique=True, default=_announcement_id)
    text = models.CharField(max_length=280)
    level = models.CharField(max_length=8, choices=Level.choices, default=Level.INFO)
    audience = models.CharField(max_length=16, choices=Audience.choices, default=Audience.ALL)
    region = models.CharField(max_length=32, blank=True)
    organisation = models.ForeignKey(
        "tenancy.Organisation", null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    link = models.CharField(max_length=300, blank=True)
    dismissible = models.BooleanField(default=False)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True, blank=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__isnull=True) | Q(ends_at__gt=F("starts_at")),
                name="announcement_ends_after_its_start",
            ),
            models.CheckConstraint(
                condition=Q(audience="all", region="", organisation__isnull=True)
                | (Q(audience="region", organisation__isnull=True) & ~Q(region=""))
                | Q(audience="organisation", region="", organisation__isnull=False),
                name="announcement_has_its_audience",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.public_id} {self.text[:40]}"
