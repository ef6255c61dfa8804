"""What usage costs, line by line, and the sums that pages read.

Columns are named as in the FOCUS specification 1.2.
"""

from __future__ import annotations

from django.db import models
from django.db.models import Q

# Cost lines that stand on an invoice: what is free does not, be it an allowance or a price of 0.
TO_PAY = Q(tier__gt=0, contracted_unit_price__gt=0)


class RatedMonth(models.Model):
    """The state of one organisation's calendar month (its first day, UTC): when it was rated, and
    since when it is due again. `posted_at` is when what is no usage was last added or taken away.
    """

    organisation = models.ForeignKey(
        "tenancy.Organisation", on_delete=models.PROTECT, related_name="rated_months"
    )
    month = models.DateField()
    due_since = models.DateTimeField(null=True, blank=True)
    rated_at = models.DateTimeField(null=True, blank=True)
    posted_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    lines = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organisation", "month"], name="one_rated_month")
        ]
        indexes = [
            models.Index(
                fields=["due_since"],
                condition=models.Q(due_since__isnull=False),
                name="rated_month_due",
            )
        ]

    def __str__(self) -> str:
        return f"{self.organisation_id} {self.month:%Y-%m}"


class Spent(models.Model):
    """Whose costs, of what and when, and the four costs: list, contracted (after what was agreed),
    effective (with commitments spread over their term) and billed; exact to 18 decimals.
    """

    organisation = models.ForeignKey(
        "tenancy.Organisation",
        on_delete=models.PROTECT,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    project = models.ForeignKey(
        "tenancy.Project",
        on_delete=models.PROTECT,
        related_name="+",
        db_constraint=False,
        db_index=False,
        null=True,
    )
    tag_set = models.ForeignKey(
        "billing.TagSet",
        on_delete=models.PROTECT,
        related_name="+",
        db_constraint=False,
        db_index=False,
        null=True,
    )
    offering = models.CharField(max_length=40, blank=True)
    region = models.CharField(max_length=32, blank=True)
    day = models.DateField()
    list_cost = models.DecimalField(max_digits=38, decimal_places=18)
    contracted_cost = models.DecimalField(max_digits=38, decimal_places=18)
    effective_cost = models.DecimalField(max_digits=38, decimal_places=18)
    billed_cost = models.DecimalField(max_digits=38, decimal_places=18)
    currency = models.CharField(max_length=3, default="EUR")

    class Meta:
        abstract = True


class CostLine(Spent):
    """What a quantity of one day costs at one tier of one price.

    `quantity` is in base units, `unit` is what `list_unit_price` and `contracted_unit_price` are
    for. `tier` counts from 1; 0 is the free allowance. What is no usage has a `reference`, and in
    `about` the parameters of its text (`billing.costs.posting`, `billing.costs.texts`).

    `day` lies in the month that bills it. What corrects a closed month says by `corrects_day` on
    which of its days that was used (FOCUS: ChargePeriod).

    Usage with a `commitment` is covered by it (tier 0, billed 0); without an instance, it is what
    was left unused.
    """

    class Category(models.TextChoices):
        USAGE = "usage"
        PURCHASE = "purchase"
        CREDIT = "credit"
        TAX = "tax"
        ADJUSTMENT = "adjustment"

    instance = models.ForeignKey(
        "instances.Instance",
        on_delete=models.PROTECT,
        related_name="+",
        db_constraint=False,
        db_index=False,
        null=True,
    )
    price = models.ForeignKey(
        "billing.Price",
        on_delete=models.PROTECT,
        related_name="+",
        db_constraint=False,
        db_index=False,
        null=True,
    )
    commitment = models.ForeignKey(
        "billing.Commitment",
        on_delete=models.PROTECT,
        related_name="+",
        db_constraint=False,
        db_index=False,
        null=True,
    )
    price_class = models.CharField(max_length=60, blank=True)
    meter = models.CharField(max_length=40, blank=True)
    category = models.CharField(max_length=12, choices=Category.choices, default=Category.USAGE)
    is_correction = models.BooleanField(default=False)
    corrects_day = models.DateField(null=True, blank=True)
    tier = models.PositiveSmallIntegerField(default=1)
    unit = models.CharField(max_length=20, blank=True)
    quantity = models.DecimalField(max_digits=24, decimal_places=9)
    list_unit_price = models.DecimalField(max_digits=20, decimal_places=9)
    contracted_unit_price = models.DecimalField(max_digits=20, decimal_places=9)
    reference = models.CharField(max_length=120, blank=True, default="", db_default="")
    about = models.JSONField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["reference"],
                condition=~models.Q(reference=""),
                name="one_line_a_reference",
            )
        ]
        indexes = [
            # Also for the lines of one service: they are asked for with whose it is.
            models.Index(fields=["organisation", "day", "instance"], name="cost_lines_of_day"),
            models.Index(
                fields=["organisation", "corrects_day"],
                condition=models.Q(corrects_day__isnull=False),
                name="cost_corrections",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.day:%F} {self.price_class}/{self.meter}"


class CostRollup(Spent):
    """The cost lines of an organisation's day, added up by what pages group and filter by. Written
    in the transaction that writes the lines.
    """

    category = models.CharField(max_length=12)

    class Meta:
        indexes = [
            models.Index(
                fields=["organisation", "day"],
                include=["offering", "project", "billed_cost", "list_cost", "effective_cost"],
                name="rollup_of_organisation",
            ),
            models.Index(
                fields=["day"],
                include=["offering", "organisation", "billed_cost"],
                name="rollup_of_day",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.organisation_id} {self.day:%F} {self.offering}"


class InstanceRollup(Spent):
    """The cost lines of an organisation's month by instance: `day` is the first of that month.
    Written in the transaction that writes the lines.
    """

    instance = models.ForeignKey(
        "instances.Instance",
        on_delete=models.PROTECT,
        related_name="+",
        db_constraint=False,
        db_index=False,
        null=True,
    )
    category = models.CharField(max_length=12)
    is_correction = models.BooleanField()

    class Meta:
        indexes = [
            models.Index(fields=["organisation", "day", "instance"], name="rollup_of_instances")
        ]

    def __str__(self) -> str:
        return f"{self.organisation_id} {self.day:%Y-%m} {self.instance_id}"
