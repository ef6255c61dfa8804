"""The provider's own books: runs that write the invoices of a month, and what regions cost."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone


class InvoiceRun(models.Model):
    """One run over all that have something to pay for a calendar month: drafts, or invoices that
    are issued. `by` is None for one that Polder began by itself.

    It goes on after `after`, the key of the organisation that it came to last. `held_up` says which
    organisation (slug) has no invoice yet, and why: {"why": code, "faults": [code], "text": words}.
    """

    class Kind(models.TextChoices):
        DRAFT = "draft"
        ISSUE = "issue"

    class State(models.TextChoices):
        WAITING = "waiting"
        PREPARING = "preparing"  # usage and costs are worked out once more
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"  # usage or costs could not be worked out

    month = models.DateField()
    kind = models.CharField(max_length=5, choices=Kind.choices)
    state = models.CharField(max_length=9, choices=State.choices, default=State.WAITING)
    after = models.BigIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    of = models.PositiveIntegerField(default=0)
    drafted = models.PositiveIntegerField(default=0)
    issued = models.PositiveIntegerField(default=0)
    held_up = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["month"],
                condition=models.Q(finished_at__isnull=True),
                name="one_open_run_a_month",
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.month:%Y-%m}"

    @property
    def is_open(self) -> bool:
        return self.finished_at is None

    @property
    def percent(self) -> int:
        return self.done * 100 // self.of if self.of else 0


class RegionCost(models.Model):
    """What a region (its code) cost the provider in a calendar month, net, as staff entered it."""

    month = models.DateField()
    region = models.CharField(max_length=32)
    amount = models.DecimalField(max_digits=14, decimal_places=2)
    currency = models.CharField(max_length=3, default="EUR")
    entered_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["month", "region"], name="one_cost_a_region_month"),
            models.CheckConstraint(
                condition=models.Q(amount__gte=0), name="region_cost_is_never_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.region} {self.month:%Y-%m}"
