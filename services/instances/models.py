"""What runs, what is being done to it, and what happened."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone

from portal.kernel.actor import SYSTEM
from services.instances.minutes_field import MinutesField
from services.instances.states import OPEN, Health, Kind, Lane, OperationState, Phase

SPOT_REASON = "spot"  # of the pauses that Polder begins since spare capacity is needed


class Instance(models.Model):
    """A managed service of a project: desired state, what was observed, and what people see.

    `public_id` names all its backend objects and is never reused; `name` is a free label, unique
    among the live instances of the project. `generation` grows with each change of desired state.
    `window_day` and `window_hour` say when maintenance may begin (services.instances.windows).
    """

    public_id = models.CharField(max_length=16, unique=True)
    project = models.ForeignKey(
        "tenancy.Project", on_delete=models.PROTECT, related_name="instances"
    )
    region = models.ForeignKey("regions.Region", on_delete=models.PROTECT, related_name="instances")
    offering = models.CharField(max_length=40)
    name = models.CharField(max_length=63)

    version = models.CharField(max_length=20)
    plan = models.CharField(max_length=40)
    parameters = models.JSONField(default=dict)
    paused = models.BooleanField(default=False)
    spot = models.BooleanField(default=False, db_default=False)  # on spare capacity, for life
    generation = models.PositiveIntegerField(default=1)

    observed = models.CharField(max_length=12, default="absent")
    observed_generation = models.PositiveIntegerField(default=0)
    observed_at = models.DateTimeField(null=True, blank=True)
    observed_code = models.CharField(max_length=40, blank=True)
    observed_detail = models.TextField(blank=True)
    endpoints = models.JSONField(default=list)
    storage_used_mib = models.PositiveIntegerField(null=True, blank=True)

    phase = models.CharField(max_length=12, choices=Phase.choices, default=Phase.CREATING)
    health = models.CharField(max_length=12, choices=Health.choices, default=Health.UNKNOWN)
    needs_attention = models.BooleanField(default=False)

    window_day = models.PositiveSmallIntegerField(null=True, blank=True)  # Monday is 0; None: each
    window_hour = models.PositiveSmallIntegerField(default=2, db_default=2)
    protected = models.BooleanField(default=True)
    delete_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)
    tags = models.JSONField(default=dict)
    reserved = models.JSONField(default=dict)  # quota it holds, by name; {} once freed
    price_hourly = models.DecimalField(max_digits=20, decimal_places=9, null=True)
    currency = models.CharField(max_length=3, default="EUR")

    created_by = models.CharField(max_length=254, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["project", "name"],
                condition=Q(deleted_at__isnull=True),
                name="one_live_name_per_project",
            ),
        ]
        indexes = [
            models.Index(fields=["project", "-id"]),
            models.Index(fields=["region", "deleted_at"]),
            models.Index(
                fields=["delete_at"], condition=Q(delete_at__isnull=False), name="instance_bin"
            ),
            models.Index(fields=["region"], condition=Q(spot=True), name="instance_spot"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.public_id})"


class Operation(models.Model):
    """The single asynchronous object behind console, REST API and broker.

    `claim` counts claims and fences writes: a worker that lost its lease holds an old number.
    `before` is the desired state to return to when the operation fails or is cancelled before
    `committed_at`, its point of no return. `steps` is a list of {code, params, started, finished,
    percent}; texts are made at read.
    """

    public_id = models.CharField(max_length=16, unique=True)
    instance = models.ForeignKey(Instance, on_delete=models.PROTECT, related_name="operations")
    kind = models.CharField(max_length=12, choices=Kind.choices)
    lane = models.CharField(max_length=8, choices=Lane.choices, default=Lane.CHANGE)
    state = models.CharField(
        max_length=12, choices=OperationState.choices, default=OperationState.PENDING
    )
    goal = models.JSONField(default=dict)
    before = models.JSONField(default=dict)
    retry_of = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="retries"
    )
    steps = models.JSONField(default=list)
    claim = models.PositiveIntegerField(default=0)
    attempts = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    deadline = models.DateTimeField()
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    committed_at = models.DateTimeField(null=True, blank=True)
    error_code = models.CharField(max_length=40, blank=True)
    error_params = models.JSONField(default=dict)
    error_detail = models.TextField(blank=True)
    requested_by = models.CharField(max_length=254, blank=True)
    reason = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["instance", "lane"],
                condition=Q(state__in=sorted(OPEN)),
                name="one_open_operation_per_lane",
            ),
            models.CheckConstraint(
                condition=Q(state__in=OperationState.values), name="operation_state_known"
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at"],
                condition=Q(state__in=sorted(OPEN)),
                name="operation_open",
            ),
            models.Index(fields=["instance", "-id"]),
            models.Index(fields=["kind", "-finished_at"]),
            models.Index(
                fields=["-finished_at"], condition=Q(state="failed"), name="operation_failed"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.public_id} {self.kind} {self.state}"

    @property
    def is_interruption(self) -> bool:
        """A pause that Polder began, since spare capacity is needed (interruptions)."""
        asked = (self.kind, self.requested_by, self.reason)
        return asked == (Kind.PAUSE, SYSTEM.name, SPOT_REASON)


class InstanceEvent(models.Model):
    """What happened to an instance, append-only: the source of metering and history."""

    instance = models.ForeignKey(Instance, on_delete=models.PROTECT, related_name="events")
    at = models.DateTimeField()
    code = models.CharField(max_length=40)  # created, resized, paused, resumed, deleted, purged …
    operation = models.ForeignKey(Operation, null=True, on_delete=models.SET_NULL, related_name="+")
    version = models.CharField(max_length=20, blank=True)
    plan = models.CharField(max_length=40, blank=True)
    params = models.JSONField(default=dict)

    class Meta:
        indexes = [models.Index(fields=["instance", "at"])]

    def __str__(self) -> str:
        return f"{self.instance_id} {self.code} {self.at:%F %T}"


class SpotInterruption(models.Model):
    """A service on spare capacity was told at `noticed_at` that it is paused from `due_at` on
    (services.instances.interruptions). `operation` is the last pause that was begun for it; `why`
    says how it ended.
    """

    class State(models.TextChoices):
        NOTICED = "noticed"
        INTERRUPTED = "interrupted"
        ENDED = "ended"

    class Why(models.TextChoices):
        WITHDRAWN = "withdrawn"  # there was room again in time
        RESUMED = "resumed"
        PAUSED = "paused"  # by its tenant, before it was due
        DELETED = "deleted"

    instance = models.ForeignKey(Instance, on_delete=models.PROTECT, related_name="interruptions")
    state = models.CharField(max_length=12, choices=State.choices, default=State.NOTICED)
    why = models.CharField(max_length=12, choices=Why.choices, blank=True)
    operation = models.ForeignKey(Operation, null=True, on_delete=models.SET_NULL, related_name="+")
    attempts = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    noticed_at = models.DateTimeField()
    due_at = models.DateTimeField()
    interrupted_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["instance"],
                condition=~Q(state="ended"),
                name="one_open_interruption",
            )
        ]
        indexes = [models.Index(fields=["noticed_at"], name="interruption_noticed")]

    def __str__(self) -> str:
        return f"{self.instance_id} {self.state} due {self.due_at:%F %T}"


class ProbeDay(models.Model):
    """What probes found of an instance on a day (UTC). `known` are the minutes of which it is
    known, `bad` those of them in which it did not serve. `latency` has two bytes (big endian) for
    every five minutes: the 95th percentile of its answers in tenths of a millisecond, 0 where there
    were too few (services.probes.minutes).
    """

    instance = models.ForeignKey(Instance, on_delete=models.PROTECT, related_name="+")
    day = models.DateField()
    known = MinutesField()
    bad = MinutesField()
    latency = models.BinaryField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["instance", "day"], name="one_probe_day"),
        ]
        indexes = [models.Index(fields=["day"], name="probe_day")]

    def __str__(self) -> str:
        return f"{self.instance_id} {self.day:%F}"


class ProbeSum(models.Model):
    """The minutes of all probe days of an offering in a region on a day, added up: how many are
    known, and how many of those were bad.
    """

    region = models.ForeignKey("regions.Region", on_delete=models.CASCADE, related_name="+")
    offering = models.CharField(max_length=40)
    day = models.DateField()
    known = models.PositiveIntegerField()
    bad = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["day", "region", "offering"], name="one_probe_sum"),
        ]

    def __str__(self) -> str:
        return f"{self.region_id} {self.offering} {self.day:%F}"


class Credential(models.Model):
    """A secret of an instance, encrypted. `next_value` holds its successor while a rotation
    runs.
    """

    instance = models.ForeignKey(Instance, on_delete=models.CASCADE, related_name="secrets")
    name = models.CharField(max_length=40)
    value = models.TextField()
    next_value = models.TextField(blank=True)
    rotated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["instance", "name"], name="one_secret_per_name")
        ]

    def __str__(self) -> str:
        return f"{self.instance_id}/{self.name}"


class Rollout(models.Model):
    """Brings what today's renderers make to running instances of a region, one batch after the
    other, each instance within its own window (services.instances.rollout).

    `pause_minutes` lie between two batches; it stops itself when more than `failures_allowed` of
    its parts have failed. `ended_by` says why it does not run: asked, failures, done.
    """

    class State(models.TextChoices):
        RUNNING = "running"
        STOPPED = "stopped"
        FINISHED = "finished"

    public_id = models.CharField(max_length=16, unique=True)
    region = models.ForeignKey("regions.Region", on_delete=models.PROTECT, related_name="rollouts")
    offering = models.CharField(max_length=40, blank=True)  # all where empty
    state = models.CharField(max_length=12, choices=State.choices, default=State.RUNNING)
    ended_by = models.CharField(max_length=12, blank=True)
    batch = models.PositiveSmallIntegerField()
    pause_minutes = models.PositiveSmallIntegerField()
    failures_allowed = models.PositiveSmallIntegerField()
    next_batch_at = models.DateTimeField(null=True, blank=True)
    requested_by = models.CharField(max_length=254, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["region"],
                condition=Q(state="running"),
                name="one_running_rollout_per_region",
            )
        ]

    def __str__(self) -> str:
        return f"{self.public_id} {self.state}"


class RolloutPart(models.Model):
    """One instance of a rollout. `why` is the code of a failure, or why it was left out."""

    class State(models.TextChoices):
        WAITING = "waiting"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"
        LEFT_OUT = "left_out"

    rollout = models.ForeignKey(Rollout, on_delete=models.CASCADE, related_name="parts")
    instance = models.ForeignKey(Instance, on_delete=models.PROTECT, related_name="+")
    operation = models.ForeignKey(Operation, null=True, on_delete=models.SET_NULL, related_name="+")
    state = models.CharField(max_length=12, choices=State.choices, default=State.WAITING)
    why = models.CharField(max_length=40, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["rollout", "instance"], name="one_part_per_instance_of_rollout"
            )
        ]
        indexes = [models.Index(fields=["rollout", "state"])]

    def __str__(self) -> str:
        return f"{self.rollout_id}/{self.instance_id} {self.state}"


def _hours() -> list[int]:
    return [0] * 24


def _unknown_hours() -> list[int]:
    return [-1] * 24


class UtilisationDay(models.Model):
    """What an instance took on a day (UTC), measured once a minute: thousandths of a processor,
    MiB, connections of clients; of its busiest node.

    For each hour how often it was measured, the sums (for averages) and the highest; connections
    are -1 where nobody told. Besides, how often which bucket of `services.instances.histograms` was
    met, as two lists of the same length. `sampled_at` and `cpu_milliseconds` are the last
    measurement, which the next one is compared with.
    """

    instance = models.ForeignKey(Instance, on_delete=models.CASCADE, related_name="utilisation")
    day = models.DateField()
    sampled_at = models.DateTimeField()
    cpu_milliseconds = models.BigIntegerField(null=True)
    storage_mib = models.PositiveIntegerField(null=True)
    samples = ArrayField(models.SmallIntegerField(), default=_hours)
    cpu_sum = ArrayField(models.IntegerField(), default=_hours)
    cpu_max = ArrayField(models.IntegerField(), default=_hours)
    memory_sum = ArrayField(models.IntegerField(), default=_hours)
    memory_max = ArrayField(models.IntegerField(), default=_hours)
    connections_max = ArrayField(models.IntegerField(), default=_unknown_hours)
    cpu_buckets = ArrayField(models.SmallIntegerField(), default=list)
    cpu_counts = ArrayField(models.SmallIntegerField(), default=list)
    memory_buckets = ArrayField(models.SmallIntegerField(), default=list)
    memory_counts = ArrayField(models.SmallIntegerField(), default=list)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["instance", "day"], name="one_utilisation_day")
        ]
        indexes = [models.Index(fields=["day"])]

    def __str__(self) -> str:
        return f"{self.instance_id} {self.day:%F}"
