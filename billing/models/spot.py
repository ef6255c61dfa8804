"""What spare capacity costs."""

from __future__ import annotations

from decimal import Decimal

from django.db import models
from django.utils import timezone


class SpotFactor(models.Model):
    """From `at` on (a full hour, UTC) spare capacity costs `factor` of the list price in `region`
    for `price_class`; empty means all. Without a factor, what is said of more holds again
    (`billing.spot.factors`). Never changed or deleted: a trigger refuses it.
    """

    region = models.CharField(max_length=32, blank=True)
    price_class = models.CharField(max_length=60, blank=True)
    at = models.DateTimeField()
    factor = models.DecimalField(max_digits=3, decimal_places=2, null=True, blank=True)
    reason = models.CharField(max_length=500, blank=True)
    said_by = models.CharField(max_length=254, blank=True)
    said_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["region", "price_class", "at"], name="one_spot_factor_per_hour"
            ),
            models.CheckConstraint(
                condition=models.Q(factor__isnull=True)
                | (models.Q(factor__gt=0) & models.Q(factor__lte=1)),
                name="spot_never_above_list",
            ),
            models.CheckConstraint(
                condition=~models.Q(region="", price_class="", factor__isnull=True),
                name="spot_of_all_has_a_factor",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.factor} of {self.price_class or 'all'} from {self.at:%F %H:%M}"

    @property
    def percent(self) -> Decimal | None:
        """Of the list price."""
        return None if self.factor is None else self.factor * 100
