"""Prices as they are loaded from `billing/prices/*.toml`."""

from __future__ import annotations

from datetime import datetime

from django.db import models


class Price(models.Model):
    """What one unit of a meter costs in a price class, for a time. Loaded from
    `billing/prices/*.toml`.

    `region` empty = everywhere. `tiers` is a list of {from, to, unit_price, flat}, decimals as
    text; the interval [`valid_from`, `valid_to`) is half open and may not overlap another of the
    same key. `free_quantity` is an allowance of a month, for what `free_for` says
    (`billing.pricebook.meters.FREE_FOR`; empty = all an organisation uses). `announced_at` is when
    it was first loaded as it is.
    """

    class Mode(models.TextChoices):
        FLAT = "flat"
        GRADUATED = "graduated"
        VOLUME = "volume"
        PACKAGE = "package"

    class Category(models.TextChoices):
        STANDARD = "standard"
        COMMITTED = "committed"
        DYNAMIC = "dynamic"

    public_id = models.CharField(max_length=16, unique=True)
    book = models.CharField(max_length=40, default="list")
    price_class = models.CharField(max_length=60)
    meter = models.CharField(max_length=40)
    region = models.CharField(max_length=32, blank=True)
    unit = models.CharField(max_length=20)
    mode = models.CharField(max_length=12, choices=Mode.choices, default=Mode.FLAT)
    category = models.CharField(max_length=12, choices=Category.choices, default=Category.STANDARD)
    currency = models.CharField(max_length=3, default="EUR")
    free_quantity = models.DecimalField(max_digits=24, decimal_places=9, default=0)
    free_for = models.CharField(max_length=20, blank=True)
    tiers = models.JSONField(default=list)
    valid_from = models.DateTimeField()
    valid_to = models.DateTimeField(null=True, blank=True)
    announced_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["book", "price_class", "meter", "region", "category", "valid_from"],
                name="one_price_per_start",
            )
        ]

    def __str__(self) -> str:
        return f"{self.price_class}/{self.meter} from {self.valid_from:%F}"

    def holds(self, at: datetime) -> bool:
        return self.valid_from <= at and (self.valid_to is None or at < self.valid_to)


class PriceEffect(models.Model):
    """What the usage of a calendar month costs at the prices of now and at those that hold at `at`.
    `costs`: slug of an organisation → [now, then], net, exact, as text.
    """

    class State(models.TextChoices):
        WAITING = "waiting"
        DONE = "done"
        FAILED = "failed"

    month = models.DateField()
    at = models.DateTimeField()
    state = models.CharField(max_length=7, choices=State.choices, default=State.WAITING)
    costs = models.JSONField(default=dict)
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.month:%Y-%m} at prices of {self.at:%F}"
