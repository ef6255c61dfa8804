"""Reserved capacity: what an organisation promised to pay for a term, and what it gets for it.

What is bought never changes: the database refuses it (triggers in migration `commitments`).
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from django.db import models
from django.utils import timezone


class Commitment(models.Model):
    """Capacity of one price class for the days [`start`, `end`), in one region or (empty) all.

    `total` is the price of the whole term in whole cents, of which `upfront_percent` are paid on
    the first day and the rest in equal parts, one at each beginning of a month of the term. Bought
    as `pieces` of a plan, or as quantities by meter (`pieces` 0).
    """

    public_id = models.CharField(max_length=16, unique=True)
    organisation = models.ForeignKey(
        "tenancy.Organisation", on_delete=models.PROTECT, related_name="commitments"
    )
    price_class = models.CharField(max_length=60)
    region = models.CharField(max_length=32, blank=True)
    offering = models.CharField(max_length=40, blank=True)
    plan = models.CharField(max_length=40, blank=True)
    pieces = models.PositiveIntegerField(default=0)
    term = models.CharField(max_length=10)
    start = models.DateField()
    end = models.DateField()
    upfront_percent = models.PositiveSmallIntegerField(default=0)
    total = models.DecimalField(max_digits=14, decimal_places=2)
    currency = models.CharField(max_length=3, default="EUR")
    renewed_from = models.OneToOneField(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="renewal"
    )
    bought_by = models.CharField(max_length=254, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(end__gt=models.F("start")), name="a_commitment_has_a_term"
            ),
            models.CheckConstraint(
                condition=models.Q(upfront_percent__lte=100), name="upfront_is_a_share"
            ),
            models.CheckConstraint(
                condition=models.Q(total__gt=0), name="a_commitment_costs_something"
            ),
        ]
        indexes = [models.Index(fields=["organisation", "end"])]

    def __str__(self) -> str:
        return self.public_id

    @property
    def months(self) -> int:
        """The length of its term."""
        return (self.end.year - self.start.year) * 12 + self.end.month - self.start.month

    def status_on(self, day: date) -> str:
        """planned | active | ended."""
        if day < self.start:
            return "planned"
        return "active" if day < self.end else "ended"


class CommittedRate(models.Model):
    """How much of a meter is reserved (`quantity` vCPU, GiB …), what an hour of one costs then, and
    what it cost on demand when it was bought. `price` is the row of the price book that says so.
    """

    commitment = models.ForeignKey(Commitment, on_delete=models.PROTECT, related_name="rates")
    meter = models.CharField(max_length=40)
    quantity = models.DecimalField(max_digits=12, decimal_places=3)
    unit_price = models.DecimalField(max_digits=20, decimal_places=9)
    on_demand_unit_price = models.DecimalField(max_digits=20, decimal_places=9)
    price = models.ForeignKey("billing.Price", on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["commitment", "meter"], name="one_rate_a_meter"),
            models.CheckConstraint(
                condition=models.Q(quantity__gt=0, unit_price__gt=0),
                name="a_committed_rate_is_of_something",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.quantity:f} × {self.meter}"

    @property
    def hourly(self) -> Decimal:
        """What all of it costs an hour; exact."""
        return self.quantity * self.unit_price


class CommitmentReminder(models.Model):
    """That people were told, `days_before` the end: what makes it exactly once."""

    commitment = models.ForeignKey(Commitment, on_delete=models.CASCADE, related_name="reminders")
    days_before = models.PositiveSmallIntegerField()
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["commitment", "days_before"], name="one_reminder_a_threshold"
            )
        ]

    def __str__(self) -> str:
        return f"{self.commitment_id} {self.days_before}"
