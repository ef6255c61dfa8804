"""Money that came in, and how it was told. A payment is never changed or deleted (a trigger in
migration `payments`): what was wrong is reversed by another one.
"""

from __future__ import annotations

from django.db import models
from django.utils import timezone


class BankEntry(models.Model):
    """Money that came in or went out, as the bank told it. `digest` makes it exactly once, however
    many statements hold it. What was taken back has in `returned` why (a code of ISO 20022), and in
    `original` the amount without the bank's charges, where it says so. It is matched once a payment
    names it; `set_aside` says why it is none for an invoice.
    """

    class Direction(models.TextChoices):
        CREDIT = "credit"
        DEBIT = "debit"

    public_id = models.CharField(max_length=16, unique=True)
    digest = models.CharField(max_length=64, unique=True)
    statement = models.CharField(max_length=60, blank=True)
    account = models.CharField(max_length=34, blank=True)
    booked_on = models.DateField()
    amount = models.DecimalField(max_digits=14, decimal_places=2)
    currency = models.CharField(max_length=3)
    direction = models.CharField(
        max_length=6, choices=Direction.choices, default=Direction.CREDIT, db_default="credit"
    )
    returned = models.CharField(max_length=4, blank=True, default="", db_default="")
    original = models.DecimalField(max_digits=14, decimal_places=2, null=True, blank=True)
    payer = models.CharField(max_length=140, blank=True)
    text = models.CharField(max_length=500, blank=True)
    set_aside = models.CharField(max_length=200, blank=True)
    imported_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [models.Index(fields=["-booked_on"])]

    def __str__(self) -> str:
        return f"{self.booked_on:%F} {self.amount} {self.currency}"


class Payment(models.Model):
    """What was received for an invoice. A negative amount `reverses` another payment whole, or is
    what was paid back; it `reopens` an invoice that was settled. Who wrote it down is in the audit
    log.
    """

    class Method(models.TextChoices):
        TRANSFER = "transfer"
        DIRECT_DEBIT = "direct_debit"
        CARD = "card"
        OTHER = "other"

    public_id = models.CharField(max_length=16, unique=True)
    invoice = models.ForeignKey(
        "billing.Invoice", on_delete=models.PROTECT, related_name="payments"
    )
    amount = models.DecimalField(max_digits=14, decimal_places=2)
    received_on = models.DateField()
    method = models.CharField(max_length=12, choices=Method.choices, default=Method.TRANSFER)
    reference = models.CharField(max_length=140, blank=True)
    entry = models.ForeignKey(
        BankEntry, null=True, blank=True, on_delete=models.PROTECT, related_name="payments"
    )
    reverses = models.OneToOneField(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="reversed_by"
    )
    reopens = models.BooleanField(default=False, db_default=False)
    reason = models.CharField(max_length=500, blank=True)
    recorded_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~models.Q(amount=0), name="payment_is_something"),
        ]

    def __str__(self) -> str:
        return f"{self.invoice_id} {self.amount}"
