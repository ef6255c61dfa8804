"""What the console itself remembers for a person."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from portal.kernel import ids


def _new_view_id() -> str:
    return ids.public_id("sv")


class SavedView(models.Model):
    """Filters of a page (`room`: the list of services, or the costs) under a name: one person's, in
    one project; others see it there if it is shared.

    `query` is the page's canonical query string; at most one of the list is opened first.
    """

    class Room(models.TextChoices):
        SERVICES = "services"
        COSTS = "costs"

    public_id = models.CharField(max_length=16, unique=True, default=_new_view_id)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saved_views"
    )
    project = models.ForeignKey(
        "tenancy.Project", on_delete=models.CASCADE, related_name="saved_views"
    )
    room = models.CharField(max_length=12, choices=Room.choices, default=Room.SERVICES)
    is_shared = models.BooleanField(default=False)
    name = models.CharField(max_length=40)
    query = models.CharField(max_length=500)
    is_default = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "project", "room", "name"], name="one_view_per_name"
            ),
            models.UniqueConstraint(
                fields=["user", "project", "room"],
                condition=Q(is_default=True),
                name="one_default_view_per_project",
            ),
        ]

    def __str__(self) -> str:
        return self.name
