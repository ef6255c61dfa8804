"""What an organisation means to spend in a month, and what was told of it."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone

from portal.kernel import ids


def _new_budget_id() -> str:
    return ids.public_id("bg")


class Budget(models.Model):
    """An amount for each calendar month (UTC), net of VAT, for all that is in its scope.

    Webhooks of the project hear of a budget of a project; of another one those of `webhooks_of`, if
    one is chosen. `thresholds` lists {kind: actual|forecast, percent, action}.
    `pause_key`=`pause_value` is the tag that services must carry to be paused by it.
    """

    class Scope(models.TextChoices):
        ORGANISATION = "organisation"
        PROJECT = "project"
        TAG = "tag"

    public_id = models.CharField(max_length=16, unique=True, default=_new_budget_id)
    organisation = models.ForeignKey(
        "tenancy.Organisation", on_delete=models.PROTECT, related_name="budgets"
    )
    name = models.CharField(max_length=60)
    scope = models.CharField(max_length=12, choices=Scope.choices)
    project = models.ForeignKey(
        "tenancy.Project", null=True, blank=True, on_delete=models.PROTECT, related_name="budgets"
    )
    webhooks_of = models.ForeignKey(
        "tenancy.Project", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    tag_key = models.CharField(max_length=40, blank=True)
    tag_value = models.CharField(max_length=80, blank=True)
    amount = models.DecimalField(max_digits=14, decimal_places=2)
    currency = models.CharField(max_length=3, default="EUR")
    thresholds = models.JSONField(default=list)
    pause_key = models.CharField(max_length=40, default="env")
    pause_value = models.CharField(max_length=80, default="dev")
    created_by = models.CharField(max_length=254, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organisation", "name"], name="one_budget_per_name"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="budget_is_positive"),
            models.CheckConstraint(
                condition=Q(scope="project", project__isnull=False)
                | (~Q(scope="project") & Q(project__isnull=True)),
                name="budget_of_a_project",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.public_id} {self.name}"


class BudgetAlert(models.Model):
    """A threshold that was reached in a month: told once, whatever happens. `paused` names what it
    has paused so far; `acted_at` is when nothing was left to pause.
    """

    budget = models.ForeignKey(Budget, on_delete=models.CASCADE, related_name="alerts")
    month = models.DateField()
    kind = models.CharField(max_length=12)
    percent = models.PositiveIntegerField()
    action = models.CharField(max_length=12)
    cost = models.DecimalField(max_digits=38, decimal_places=18)
    amount = models.DecimalField(max_digits=14, decimal_places=2)
    at = models.DateTimeField(default=timezone.now)
    paused = models.JSONField(default=list)
    acted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["budget", "month", "kind", "percent"], name="budget_alert_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.budget_id} {self.month:%Y-%m} {self.kind} {self.percent}"


class CostAnomaly(models.Model):
    """A day of an organisation that cost more than its like, told once. `because` lists what the
    excess is made of, the largest part first: {by: offering|project, key, excess}.
    """

    organisation = models.ForeignKey(
        "tenancy.Organisation", on_delete=models.PROTECT, related_name="cost_anomalies"
    )
    day = models.DateField()
    amount = models.DecimalField(max_digits=38, decimal_places=18)
    expected = models.DecimalField(max_digits=38, decimal_places=18)
    because = models.JSONField(default=list)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organisation", "day"], name="cost_anomaly_once")
        ]

    def __str__(self) -> str:
        return f"{self.organisation_id} {self.day:%F}"
