"""Money that an organisation has to its credit: what vouchers gave, and what was carried over."""

from __future__ import annotations

from django.db import models
from django.utils import timezone


class Voucher(models.Model):
    """A code that gives credit of `amount`, once to an organisation and `most_redemptions` times in
    all, until `valid_until` (that day included). The code itself is not kept, only its SHA-256 and
    its last four characters. Its credit holds until `credit_until` (that day included), for one
    offering where it is named.
    """

    public_id = models.CharField(max_length=16, unique=True)
    digest = models.CharField(max_length=64, unique=True)
    ending = models.CharField(max_length=4)
    amount = models.DecimalField(max_digits=14, decimal_places=2)
    currency = models.CharField(max_length=3, default="EUR")
    valid_until = models.DateField()
    credit_until = models.DateField()
    most_redemptions = models.PositiveIntegerField(default=1)
    offering = models.CharField(max_length=40, blank=True)
    note = models.CharField(max_length=200, blank=True)
    created_by = models.CharField(max_length=254, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(amount__gt=0, most_redemptions__gt=0),
                name="a_voucher_gives_something",
            )
        ]

    def __str__(self) -> str:
        return f"{self.public_id} …{self.ending}"


class CreditGrant(models.Model):
    """Credit of an organisation: of a voucher, or what corrections of the month `carries` (its
    first day) gave back beyond what was left of its invoice, which never expires. What is left of
    it follows from the cost lines that took from it (`billing.credits.grants`).
    """

    public_id = models.CharField(max_length=16, unique=True)
    organisation = models.ForeignKey(
        "tenancy.Organisation", on_delete=models.PROTECT, related_name="credit_grants"
    )
    voucher = models.ForeignKey(Voucher, null=True, on_delete=models.PROTECT, related_name="grants")
    carries = models.DateField(null=True)
    amount = models.DecimalField(max_digits=14, decimal_places=2)
    currency = models.CharField(max_length=3, default="EUR")
    expires_on = models.DateField(null=True)
    offering = models.CharField(max_length=40, blank=True)
    redeemed_by = models.CharField(max_length=254, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["voucher", "organisation"], name="one_grant_an_organisation"
            ),
            models.CheckConstraint(condition=models.Q(amount__gt=0), name="a_grant_is_positive"),
            models.CheckConstraint(
                condition=models.Q(voucher__isnull=False, carries__isnull=True)
                & models.Q(expires_on__isnull=False)
                | models.Q(voucher__isnull=True, carries__isnull=False, expires_on__isnull=True),
                name="a_grant_comes_of_something",
            ),
        ]

    def __str__(self) -> str:
        return self.public_id
