"""Where instances run, how a region is, and what a project may use of it."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from portal.accounts.models import Key
from portal.kernel import ids


def _new_request_id() -> str:
    return ids.public_id("qr")


class Region(models.Model):
    """A place with one backend. `settings` is the backend's own (docs/operating.md), `secrets` what
    it needs to get there, encrypted; `services.regions.clusters` reads both.

    `healthy`, `detail`, `unavailable` and `facts` are what the last check said; `failures` feeds
    the circuit breaker: no operation of the region is claimed before `retry_at`.
    """

    class Backend(models.TextChoices):
        PROCESS = "process"
        KUBERNETES = "kubernetes"

    class Status(models.TextChoices):
        OPEN = "open"  # orders welcome
        CLOSED = "closed"  # what is there stays, no new orders
        OFF = "off"  # not shown

    code = models.SlugField(max_length=32, unique=True)
    name = models.CharField(max_length=80)
    country = models.CharField(max_length=2)
    backend = models.CharField(max_length=16, choices=Backend.choices)
    settings = models.JSONField(default=dict, blank=True)
    secrets = models.TextField(blank=True, editable=False)
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.OPEN)
    healthy = models.BooleanField(default=True)
    detail = models.TextField(blank=True)
    unavailable = models.JSONField(default=dict, blank=True)
    facts = models.JSONField(default=dict, blank=True)
    checked_at = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveIntegerField(default=0)
    retry_at = models.DateTimeField(null=True, blank=True)
    # How much of it services on spare capacity may take (services.instances.spare).
    spot_vcpu = models.DecimalField(max_digits=14, decimal_places=3, default=0, db_default=0)
    # Since when nothing is heard of the prober in its cluster (services.regions.prober_silence).
    prober_silent_since = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.name} ({self.code})"


class ProberKey(Key):
    """What a prober in the region's own cluster logs in with. It may read whom to ask there and
    report minutes, and nothing else. `heard_at` is when a service first answered who holds it.
    """

    region = models.ForeignKey(Region, on_delete=models.CASCADE, related_name="prober_keys")
    heard_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["region"], condition=Q(revoked_at=None), name="live_key")]

    def __str__(self) -> str:
        return f"{self.public_id} of {self.region_id}"


class RegionHealth(models.Model):
    """A change of how a region is; append-only. It holds until the next one of the region."""

    class State(models.TextChoices):
        OK = "ok"
        DOWN = "down"  # its backend did not answer
        UNKNOWN = "unknown"  # nobody asked

    region = models.ForeignKey(Region, on_delete=models.CASCADE, related_name="history")
    state = models.CharField(max_length=8, choices=State.choices)
    detail = models.TextField(blank=True)
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["region", "-at"])]

    def __str__(self) -> str:
        return f"{self.region_id} {self.state} since {self.at:%F %T}"


class Quota(models.Model):
    """How much of one thing a project may hold in a region; `used` is what its instances hold
    now.
    """

    class Name(models.TextChoices):
        INSTANCES = "instances"
        VCPU = "vcpu"
        MEMORY_MIB = "memory_mib"
        STORAGE_GIB = "storage_gib"
        GPU = "gpu"
        PUBLIC_ENDPOINTS = "public_endpoints"

    project = models.ForeignKey("tenancy.Project", on_delete=models.CASCADE, related_name="quotas")
    region = models.ForeignKey(Region, on_delete=models.CASCADE, related_name="quotas")
    name = models.CharField(max_length=20, choices=Name.choices)
    limit = models.DecimalField(max_digits=14, decimal_places=3)
    used = models.DecimalField(max_digits=14, decimal_places=3, default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["project", "region", "name"], name="one_quota_per_name"
            ),
            models.CheckConstraint(condition=Q(used__gte=0), name="quota_used_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.project}/{self.region.code} {self.name}: {self.used} of {self.limit}"

    @property
    def left(self) -> object:
        return max(self.limit - self.used, 0)


class QuotaRequest(models.Model):
    """A project asks for another limit of one quota. `limit` is what it wants in all,
    `limit_before` what it had when it asked, `limit_granted` what staff gave.
    """

    class State(models.TextChoices):
        PENDING = "pending"
        APPROVED = "approved"
        REFUSED = "refused"
        WITHDRAWN = "withdrawn"

    public_id = models.CharField(max_length=16, unique=True, default=_new_request_id)
    project = models.ForeignKey(
        "tenancy.Project", on_delete=models.CASCADE, related_name="quota_requests"
    )
    region = models.ForeignKey(Region, on_delete=models.CASCADE, related_name="quota_requests")
    name = models.CharField(max_length=20, choices=Quota.Name.choices)
    limit = models.DecimalField(max_digits=14, decimal_places=3)
    limit_before = models.DecimalField(max_digits=14, decimal_places=3)
    limit_granted = models.DecimalField(max_digits=14, decimal_places=3, null=True, blank=True)
    reason = models.CharField(max_length=1000)
    state = models.CharField(max_length=12, choices=State.choices, default=State.PENDING)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)
    decided_by = models.CharField(max_length=254, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    answer = models.CharField(max_length=1000, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["project", "region", "name"],
                condition=Q(state="pending"),
                name="one_pending_request_per_quota",
            )
        ]

    def __str__(self) -> str:
        return f"{self.public_id}: {self.name} of {self.project_id} in {self.region_id}"
