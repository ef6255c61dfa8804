"""What was used: as it arrives, and by the day as it is rated.

The rows of records and of cost lines are written set-based and by the hundred thousand, from rows
that hold the constraints; their own foreign keys are indexes without a check.
"""

from __future__ import annotations

from django.db import models
from django.utils import timezone


class TagSet(models.Model):
    """Tags of a service as they were, kept once for all rows that had them. `digest` is the SHA-256
    of their canonical JSON.
    """

    digest = models.CharField(max_length=64, unique=True)
    tags = models.JSONField(default=dict)

    def __str__(self) -> str:
        return ", ".join(f"{key}={value}" for key, value in sorted(self.tags.items()))


class UsageEvent(models.Model):
    """Usage as a meter reported it: `quantity` base units (`billing.pricebook.meters.base_unit`) of
    `meter` by an instance in [`start`, `end`).

    `source` and `event_id` make it exactly once; `digest` tells the same event from another under
    its id.
    """

    source = models.CharField(max_length=100)
    event_id = models.CharField(max_length=100)
    digest = models.CharField(max_length=64)
    instance = models.ForeignKey(
        "instances.Instance", on_delete=models.PROTECT, related_name="usage_events"
    )
    meter = models.CharField(max_length=40)
    start = models.DateTimeField()
    end = models.DateTimeField()
    quantity = models.DecimalField(max_digits=24, decimal_places=9)
    received_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["source", "event_id"], name="one_usage_event"),
            models.CheckConstraint(
                condition=models.Q(quantity__gte=0), name="usage_is_never_negative"
            ),
        ]
        indexes = [
            models.Index(fields=["start"]),
            models.Index(fields=["instance", "meter", "start"]),
            models.Index(fields=["received_at"], name="usage_event_received"),
        ]

    def __str__(self) -> str:
        return f"{self.source}/{self.event_id} {self.meter}"


class UsageRecord(models.Model):
    """What an instance used of a meter on a day (UTC), as it is rated: `quantity` base units.

    `consumed` is the same before the cap of 730 hours a month. `allowance` says which free
    allowance it may draw on (`billing.pricebook.meters.FREE_FOR`; empty = that of everybody).
    `spot_factor` is what it costs of the list price where it ran on spare capacity
    (`billing.spot`); a day has a record for each factor that held. `metered_at` is when its
    quantities last changed.
    """

    organisation = models.ForeignKey(
        "tenancy.Organisation",
        on_delete=models.PROTECT,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    project = models.ForeignKey(
        "tenancy.Project",
        on_delete=models.PROTECT,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    instance = models.ForeignKey(
        "instances.Instance",
        on_delete=models.PROTECT,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    tag_set = models.ForeignKey(
        TagSet, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    offering = models.CharField(max_length=40)
    region = models.CharField(max_length=32)
    price_class = models.CharField(max_length=60)
    meter = models.CharField(max_length=40)
    allowance = models.CharField(max_length=20, blank=True)
    spot_factor = models.DecimalField(max_digits=3, decimal_places=2, null=True, blank=True)
    from_plan = models.BooleanField(default=True)
    day = models.DateField()
    quantity = models.DecimalField(max_digits=24, decimal_places=9)
    consumed = models.DecimalField(max_digits=24, decimal_places=9)
    metered_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["instance", "day", "meter", "price_class", "allowance", "spot_factor"],
                name="one_usage_record_per_day",
                nulls_distinct=False,
            )
        ]
        indexes = [
            models.Index(fields=["day", "organisation"]),
            # A month is rated some organisations at a time.
            models.Index(fields=["organisation", "day"], name="usage_of_organisation"),
            models.Index(
                fields=["organisation", "day"],
                condition=models.Q(spot_factor__isnull=False),
                name="usage_of_spare_capacity",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.instance_id} {self.meter} {self.day:%F}"
