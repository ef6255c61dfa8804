"""How an organisation was reminded of an invoice, what followed, and when it was held."""

from __future__ import annotations

from datetime import date, timedelta

from django.db import models
from django.utils import timezone


class DunningStep(models.Model):
    """A step that was taken of an invoice, once in a `round` (how often it was opened again after
    it had been settled): a reminder (`level` from 1), the warning that the organisation will be
    suspended on `acts_on`, or its suspension; both hold until `lifted_at`, when a suspension of the
    organisation ended. `left` is what was left to pay.
    `mailed_at` is when the address for invoices had its mail.
    """

    class Kind(models.TextChoices):
        REMINDER = "reminder"
        WARNING = "warning"
        SUSPENSION = "suspension"

    invoice = models.ForeignKey(
        "billing.Invoice", on_delete=models.PROTECT, related_name="dunning_steps"
    )
    kind = models.CharField(max_length=10, choices=Kind.choices)
    level = models.PositiveSmallIntegerField(default=1)
    round = models.PositiveSmallIntegerField(default=0, db_default=0)
    left = models.DecimalField(max_digits=14, decimal_places=2)
    acts_on = models.DateField(null=True, blank=True)
    at = models.DateTimeField(default=timezone.now)
    mailed_at = models.DateTimeField(null=True, blank=True)
    lifted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["invoice", "round", "kind", "level"], name="one_dunning_step_a_level"
            )
        ]
        indexes = [
            models.Index(
                fields=["at"],
                condition=models.Q(mailed_at__isnull=True),
                name="dunning_to_mail",
            )
        ]

    def __str__(self) -> str:
        return f"{self.invoice_id} {self.kind} {self.level}"


class DunningHold(models.Model):
    """From `at` to the end of the day `until` nothing is done about an invoice, because of `reason`
    (its buyer disputes it), unless staff ended that before, at `ended_at`.
    """

    invoice = models.ForeignKey(
        "billing.Invoice", on_delete=models.PROTECT, related_name="dunning_holds"
    )
    reason = models.CharField(max_length=500)
    until = models.DateField()
    at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["invoice"],
                condition=models.Q(ended_at__isnull=True),
                name="one_hold_an_invoice",
            )
        ]

    def __str__(self) -> str:
        return f"{self.invoice_id} {self.until:%F}"

    @property
    def span(self) -> tuple[date, date]:
        """Its first day, and the first day on which it holds no more."""
        end = self.until + timedelta(days=1)
        if self.ended_at is not None:
            end = min(end, self.ended_at.date())
        return self.at.date(), end
