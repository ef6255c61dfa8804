"""Changes that cost money."""

from __future__ import annotations

from django.db import models
from django.utils import timezone


class Order(models.Model):
    """A change that costs money, with the price it was ordered at. `quote` is the snapshot: lines,
    net, VAT, gross.
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
        "instances.Instance", on_delete=models.PROTECT, related_name="orders"
    )
    operation = models.ForeignKey(
        "instances.Operation", null=True, on_delete=models.SET_NULL, related_name="+"
    )
    kind = models.CharField(max_length=12)
    state = models.CharField(max_length=20, choices=State.choices, default=State.PLACED)
    quote = models.JSONField(default=dict)
    requested_by = models.CharField(max_length=254, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [models.Index(fields=["organisation", "-id"])]

    def __str__(self) -> str:
        return f"{self.public_id} {self.kind}"
