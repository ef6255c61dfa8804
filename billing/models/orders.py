"""Changes that cost money."""

from __future__ import annotations

from django.db import models
from django.utils import timezone


class Order(models.Model):
    """A change that costs money, with the price it was ordered at. `quote` is the snapshot: lines,
    net, VAT, gross.

    One that awaits approval has no instance yet: `request` holds what was ordered and by whom, as
    plain data, until it was decided.
    """

    class State(models.TextChoices):
        PLACED = "placed"
        AWAITING_APPROVAL = "awaiting_approval"
        REFUSED = "refused"

    public_id = models.CharField(max_length=16, unique=True)
    organisation = models.ForeignKey(
        "tenancy.Organisation", on_delete=models.PROTECT, related_name="orders"
    )
    instance = models.ForeignKey(
        "instances.Instance", null=True, on_delete=models.PROTECT, related_name="orders"
    )
    project = models.ForeignKey(
        "tenancy.Project", null=True, on_delete=models.PROTECT, related_name="+"
    )
    operation = models.ForeignKey(
        "instances.Operation", null=True, on_delete=models.SET_NULL, related_name="+"
    )
    kind = models.CharField(max_length=12)
    state = models.CharField(max_length=20, choices=State.choices, default=State.PLACED)
    quote = models.JSONField(default=dict)
    request = models.JSONField(default=dict, blank=True)
    requested_by = models.CharField(max_length=254, blank=True)
    decided_by = models.CharField(max_length=254, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [
            models.Index(fields=["organisation", "-id"]),
            models.Index(
                fields=["organisation"],
                condition=models.Q(state="awaiting_approval"),
                name="order_awaiting",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(state="placed") | models.Q(instance__isnull=False),
                name="placed_order_has_instance",
            )
        ]

    def __str__(self) -> str:
        return f"{self.public_id} {self.kind}"
