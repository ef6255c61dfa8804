"""What backends remember of their own work."""

from __future__ import annotations

from django.db import models
from django.db.models import Q, Value
from django.utils import timezone


class Applied(models.Model):
    """One object as it was applied to a region's cluster: what drift is measured against, and what
    is put back. A newer release that would render it otherwise changes nothing here.

    `instance` is a public id, or the name of a project's namespace for its guard rails. `wanted` is
    a digest of the manifest, `stood` one of what the cluster made of its fields, `settled` holds
    those that it made other than they were wanted. `drift` says what differs now, since
    `drifted_at`: a list of {field, wanted, stands, by}. A Secret's values are in neither `manifest`
    nor any other column.
    """

    region = models.ForeignKey("regions.Region", on_delete=models.CASCADE, related_name="applied")
    instance = models.CharField(max_length=63)
    position = models.PositiveSmallIntegerField()
    api = models.CharField(max_length=100)
    kind = models.CharField(max_length=63)
    namespace = models.CharField(max_length=63, blank=True)
    name = models.CharField(max_length=253)
    manifest = models.JSONField()
    wanted = models.CharField(max_length=64)
    stood = models.CharField(max_length=64)
    # Release by release old and new code write here together: the database has the defaults too.
    settled = models.JSONField(default=dict, db_default=Value({}, models.JSONField()))
    drift = models.JSONField(default=list, db_default=Value([], models.JSONField()))
    drifted_at = models.DateTimeField(null=True, blank=True)
    applied_at = models.DateTimeField(default=timezone.now)
    created_at = models.DateTimeField(null=True, default=timezone.now)  # applied first

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["region", "api", "kind", "namespace", "name"], name="one_applied_object"
            )
        ]
        indexes = [
            models.Index(fields=["region", "instance", "position"]),
            models.Index(
                fields=["instance"], condition=Q(drifted_at__isnull=False), name="applied_drifted"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"
