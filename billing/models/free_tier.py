"""The free tier: who was told what."""

from __future__ import annotations

from django.db import models
from django.utils import timezone


class FreeTierNotice(models.Model):
    """That an organisation was told that `percent` of an allowance of a month is used: what makes
    it exactly once.
    """

    organisation = models.ForeignKey(
        "tenancy.Organisation", on_delete=models.CASCADE, related_name="+"
    )
    month = models.DateField()
    price_class = models.CharField(max_length=60)
    meter = models.CharField(max_length=40)
    percent = models.PositiveSmallIntegerField()
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "month", "price_class", "meter", "percent"],
                name="one_notice_of_the_free_tier",
            )
        ]

    def __str__(self) -> str:
        return f"{self.organisation_id} {self.month:%Y-%m} {self.price_class} {self.percent}"
