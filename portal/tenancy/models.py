"""Organisation (pays) → Project (owns) → what the layers above hang on a project."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone

from portal.kernel import ids
from portal.tenancy.permissions import Role

OPEN_INVITATION = Q(accepted_at__isnull=True, withdrawn_at__isnull=True)


def _new_member_id() -> str:
    return ids.public_id("mb")


def _new_invitation_id() -> str:
    return ids.public_id("iv")


class Organisation(models.Model):
    """A customer: pays, and has members. `slug` is its public name, never reused.

    With `requires_mfa` it opens only to members who have a second factor (`access.py`).
    """

    slug = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=120)
    country = models.CharField(max_length=2, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    suspended_at = models.DateTimeField(null=True, blank=True)
    archived_at = models.DateTimeField(null=True, blank=True)
    requires_mfa = models.BooleanField(default=False)

    def __str__(self) -> str:
        return self.name


class Project(models.Model):
    """Owns instances. `public_id` names it to backends; `time_zone` rules windows and schedules."""

    organisation = models.ForeignKey(
        Organisation, on_delete=models.PROTECT, related_name="projects"
    )
    public_id = models.CharField(max_length=16, unique=True)
    slug = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=120)
    time_zone = models.CharField(max_length=64, default="Europe/Amsterdam")
    tags = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=timezone.now)
    archived_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """A role of a user in an organisation (all its projects) or in one project."""

    public_id = models.CharField(max_length=16, unique=True, default=_new_member_id)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships"
    )
    organisation = models.ForeignKey(
        Organisation, on_delete=models.CASCADE, related_name="memberships"
    )
    project = models.ForeignKey(
        Project, null=True, blank=True, on_delete=models.CASCADE, related_name="memberships"
    )
    role = models.CharField(max_length=16, choices=Role.choices)
    expires_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "organisation"],
                condition=Q(project__isnull=True),
                name="one_role_per_organisation",
            ),
            models.UniqueConstraint(
                fields=["user", "project"],
                condition=Q(project__isnull=False),
                name="one_role_per_project",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.role} · {self.project or self.organisation}"


class Invitation(models.Model):
    """A role in an organisation or one of its projects, offered to an address by mail.

    `digest` is the SHA-256 of the secret of the link, which stands in the mail only. The invitation
    holds until `expires_at`, the membership that comes of it until `member_expires_at`. `sent_at`
    is when the mail server took the mail, `tried_at` when it was last asked to, `tries` how often.
    """

    public_id = models.CharField(max_length=16, unique=True, default=_new_invitation_id)
    organisation = models.ForeignKey(
        Organisation, on_delete=models.CASCADE, related_name="invitations"
    )
    project = models.ForeignKey(
        Project, null=True, blank=True, on_delete=models.CASCADE, related_name="invitations"
    )
    email = models.EmailField()
    role = models.CharField(max_length=16, choices=Role.choices)
    member_expires_at = models.DateTimeField(null=True, blank=True)
    digest = models.CharField(max_length=64)
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)
    tried_at = models.DateTimeField(default=timezone.now)
    tries = models.PositiveSmallIntegerField(default=0)
    sent_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "organisation",
                Lower("email"),
                condition=OPEN_INVITATION & Q(project__isnull=True),
                name="one_invitation_per_organisation",
            ),
            models.UniqueConstraint(
                "project",
                Lower("email"),
                condition=OPEN_INVITATION & Q(project__isnull=False),
                name="one_invitation_per_project",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.public_id} · {self.role} · {self.project or self.organisation}"
