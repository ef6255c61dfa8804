"""How the promises to an instance were kept in a month, as it was settled."""

from __future__ import annotations

from django.db import models
from django.utils import timezone


class SlaMonth(models.Model):
    """One instance in one calendar month (its first day, UTC); the words are those of
    `billing.sla.arithmetic`. Written anew while what it rests on changes; probes' own minutes are
    kept for a year, this for good.

    `outages` are [first minute of the month, how many]. `cost` is what the instance cost, net and
    exact; `amount` is the credit, whole cents.
    """

    organisation = models.ForeignKey(
        "tenancy.Organisation", on_delete=models.PROTECT, related_name="+"
    )
    instance = models.ForeignKey(
        "instances.Instance", on_delete=models.PROTECT, related_name="+", db_index=False
    )
    month = models.DateField()
    target = models.DecimalField(max_digits=6, decimal_places=3)
    expected = models.PositiveIntegerField()
    excluded = models.PositiveIntegerField()
    unknown = models.PositiveIntegerField()
    bad = models.PositiveIntegerField()
    outages = models.JSONField(default=list)
    within = models.PositiveIntegerField(null=True)
    windows = models.PositiveIntegerField()
    slow = models.PositiveIntegerField()
    for_time = models.PositiveSmallIntegerField()
    for_speed = models.PositiveSmallIntegerField()
    cost = models.DecimalField(max_digits=38, decimal_places=18)
    amount = models.DecimalField(max_digits=14, decimal_places=2)
    currency = models.CharField(max_length=3, default="EUR")
    settled_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["instance", "month"], name="one_sla_month"),
        ]
        indexes = [models.Index(fields=["organisation", "month"], name="sla_month")]

    def __str__(self) -> str:
        return f"{self.instance_id} {self.month:%Y-%m}"
