"""Invoices and credit notes. What is issued is never changed: the database refuses it (triggers in
migration `invoices`), and each issued document carries the hash of the one before it.
"""

from __future__ import annotations

from django.db import models
from django.utils import timezone


class InvoiceSeries(models.Model):
    """Numbers without a gap: `next` is the sequence that the next document takes, `last_hash` that
    of the newest one. One series a calendar year.
    """

    code = models.CharField(max_length=10, unique=True)
    next = models.PositiveIntegerField(default=1)
    last_hash = models.CharField(max_length=64, blank=True)

    def __str__(self) -> str:
        return self.code


class Invoice(models.Model):
    """An invoice, or a credit note (`corrects`), of an organisation's calendar month.

    `document` is the whole of what it says (`billing.einvoice.document`, decimals as text); the
    columns beside it are for finding. `number`, `sequence` and the hashes come with issuing.
    `cause` names what a credit note was written for by itself, exactly once.
    """

    class Status(models.TextChoices):
        DRAFT = "draft"
        ISSUED = "issued"

    public_id = models.CharField(max_length=16, unique=True)
    organisation = models.ForeignKey(
        "tenancy.Organisation", on_delete=models.PROTECT, related_name="invoices"
    )
    kind = models.CharField(max_length=3, default="380")  # UNTDID 1001
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.DRAFT)
    month = models.DateField()
    corrects = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="corrections"
    )
    currency = models.CharField(max_length=3, default="EUR")
    net = models.DecimalField(max_digits=14, decimal_places=2, default=0)
    vat = models.DecimalField(max_digits=14, decimal_places=2, default=0)
    gross = models.DecimalField(max_digits=14, decimal_places=2, default=0)
    due_on = models.DateField(null=True, blank=True)
    cause = models.CharField(max_length=120, blank=True, default="", db_default="")
    document = models.JSONField(default=dict)
    series = models.ForeignKey(
        InvoiceSeries, null=True, blank=True, on_delete=models.PROTECT, related_name="invoices"
    )
    sequence = models.PositiveIntegerField(null=True, blank=True)
    # None while a draft, so that the numbers alone must differ.
    number = models.CharField(max_length=30, null=True, blank=True, unique=True)
    previous_hash = models.CharField(max_length=64, blank=True)
    hash = models.CharField(max_length=64, blank=True)
    issued_at = models.DateTimeField(null=True, blank=True)
    drafted_at = models.DateTimeField(default=timezone.now)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["series", "sequence"], name="one_number_once"),
            models.UniqueConstraint(
                fields=["organisation", "month"],
                condition=models.Q(kind="380"),
                name="one_invoice_a_month",
            ),
            models.CheckConstraint(
                condition=models.Q(status="draft", number__isnull=True)
                | models.Q(status="issued", number__isnull=False, sequence__isnull=False)
                & ~models.Q(hash=""),
                name="issued_means_numbered",
            ),
            models.UniqueConstraint(
                fields=["cause"], condition=~models.Q(cause=""), name="one_credit_note_a_cause"
            ),
        ]
        indexes = [models.Index(fields=["organisation", "-month"])]

    def __str__(self) -> str:
        return self.number or self.public_id


class InvoiceFile(models.Model):
    """An issued document as it was written, byte for byte. `format` is a profile of
    `billing.einvoice.profiles`, or `pdf` (with the Factur-X XML inside).
    """

    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="files")
    format = models.CharField(max_length=20)
    content = models.BinaryField()
    digest = models.CharField(max_length=64)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["invoice", "format"], name="one_file_a_format")
        ]

    def __str__(self) -> str:
        return f"{self.invoice_id}/{self.format}"


class InvoiceMail(models.Model):
    """An issued document was mailed; `address` is empty where nobody had named one."""

    invoice = models.OneToOneField(Invoice, on_delete=models.PROTECT, related_name="mail")
    address = models.EmailField(blank=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.invoice_id} {self.at:%F}"
