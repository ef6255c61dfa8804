"""Advice as it is kept: what could cost less, since when, and what became of it."""

from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Recommendation(models.Model):
    """What an organisation could change to pay less.

    `subject` is the service's public id, or what is to be reserved. `current` and `proposed` are
    what is and what would be, `saving_month` the difference of a month of 730 hours at list price,
    net. `evidence` holds the rule with its version and the figures that it used, as whole numbers
    and decimals in text. The realised saving is worked out 30 days after it was applied.
    """

    class Kind(models.TextChoices):
        RIGHT_SIZE = "right_size", _("Size")
        IDLE = "idle", _("Not used")
        RESERVE = "reserve", _("Reservation")
        SPOT = "spot", _("Spare capacity")

    class Status(models.TextChoices):
        OPEN = "open", _("Open")
        APPLIED = "applied", _("Applied")
        DISMISSED = "dismissed", _("Dismissed")
        EXPIRED = "expired", _("No longer holds")

    class Confidence(models.TextChoices):
        HIGH = "high", _("Sure")
        MEDIUM = "medium", _("Likely")
        LOW = "low", _("Little data")

    public_id = models.CharField(max_length=16, unique=True)
    organisation = models.ForeignKey(
        "tenancy.Organisation", on_delete=models.PROTECT, related_name="recommendations"
    )
    project = models.ForeignKey(
        "tenancy.Project", null=True, on_delete=models.PROTECT, related_name="+"
    )
    instance = models.ForeignKey(
        "instances.Instance", null=True, on_delete=models.PROTECT, related_name="recommendations"
    )
    operation = models.ForeignKey(
        "instances.Operation", null=True, on_delete=models.SET_NULL, related_name="+"
    )
    kind = models.CharField(max_length=12, choices=Kind.choices)
    subject = models.CharField(max_length=120)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.OPEN)
    current = models.JSONField(default=dict)
    proposed = models.JSONField(default=dict)
    saving_month = models.DecimalField(max_digits=14, decimal_places=2)
    currency = models.CharField(max_length=3, default="EUR")
    confidence = models.CharField(max_length=8, choices=Confidence.choices)
    evidence = models.JSONField(default=dict)
    reason = models.CharField(max_length=300, blank=True)
    dismissed_until = models.DateTimeField(null=True)
    found_at = models.DateTimeField(default=timezone.now)
    checked_at = models.DateTimeField(default=timezone.now)
    closed_at = models.DateTimeField(null=True)
    realised_month = models.DecimalField(max_digits=14, decimal_places=2, null=True)
    realised_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "kind", "subject"],
                condition=models.Q(status="open"),
                name="one_open_recommendation",
            ),
            models.CheckConstraint(
                condition=models.Q(status="open", closed_at__isnull=True)
                | ~models.Q(status="open") & models.Q(closed_at__isnull=False),
                name="open_advice_is_not_closed",
            ),
        ]
        indexes = [
            models.Index(fields=["organisation", "status", "-saving_month"]),
            models.Index(
                fields=["closed_at"],
                condition=models.Q(status="applied", realised_at__isnull=True),
                name="advice_to_be_compared",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.public_id} {self.kind} {self.subject}"
