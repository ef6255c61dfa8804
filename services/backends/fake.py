"""A backend in memory for unit tests: ready on the second look. Never registered in the product."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from portal.kernel.errors import Permanent, Temporary
from services.spec import (
    Counted,
    Credentials,
    Difference,
    Effect,
    Endpoint,
    Entry,
    Health,
    InstanceSpec,
    Observation,
    Observed,
    Reading,
    Report,
    Secret,
    UsageAsked,
    UsageTold,
)


@dataclass
class FakeBackend:
    """`faults` are raised one a call to a changing method, first come first served; `looks` counts
    observations.
    """

    poll_seconds: float = 0.3
    faults: list[Exception] = field(default_factory=list)
    looks_until_ready: int = 2
    looks: dict[str, int] = field(default_factory=dict)
    paused: set[str] = field(default_factory=set)
    applied: dict[str, InstanceSpec] = field(default_factory=dict)
    release: int = 1  # of the renderers; what was applied by an older one is behind
    releases: dict[str, int] = field(default_factory=dict)
    takes: dict[str, Reading] = field(default_factory=dict)  # what each would be measured to take
    counted: dict[str, tuple[Counted, ...]] = field(default_factory=dict)  # beyond their plans
    asked: dict[str, tuple[datetime, datetime]] = field(default_factory=dict)
    counter_told: dict[str, tuple[Counted, ...]] = field(default_factory=dict)
    counters_asked: dict[str, tuple[datetime, datetime]] = field(default_factory=dict)
    counters_away: bool = False

    def check(self) -> Health:
        return Health(True)

    def steps(self, entry: Entry, spec: InstanceSpec, kind: str) -> tuple[str, ...]:
        return {
            "create": ("place", "data", "start", "ready"),
            "rotate": ("rotate",),
            "pause": ("stop",),
            "delete": ("stop",),
            "purge": ("remove",),
        }.get(kind, ("start", "ready"))

    def effect(self, entry: Entry, before: InstanceSpec, after: InstanceSpec) -> Effect:
        return "restart" if before.plan != after.plan else "none"

    def apply(self, entry: Entry, spec: InstanceSpec, report: Report) -> None:
        report("start")
        self._fail()
        self.applied[spec.name] = spec
        self.releases[spec.name] = self.release
        self.paused.discard(spec.name)
        self.looks.setdefault(spec.name, 0)
        report("ready")

    def observe(self, entry: Entry, spec: InstanceSpec) -> Observation:
        if spec.name not in self.applied:
            return Observation(Observed.ABSENT)
        if spec.name in self.paused:
            return Observation(Observed.PAUSED)
        self.looks[spec.name] += 1
        if self.looks[spec.name] < self.looks_until_ready:
            return Observation(Observed.PROGRESSING)
        return Observation(Observed.READY, endpoints=(self._endpoint(spec),), storage_used_mib=1)

    def credentials(self, entry: Entry, spec: InstanceSpec) -> Credentials:
        password = spec.secrets[entry.offering.secrets[0]]
        uri = Secret(f"fake://app:{password}@127.0.0.1:5432/")
        return Credentials("app", password, uri, "127.0.0.1", 5432, env={"FAKE_URL": uri})

    def pause(self, entry: Entry, spec: InstanceSpec, report: Report) -> None:
        report("stop")
        self._fail()
        self.paused.add(spec.name)

    def stop(self, entry: Entry, spec: InstanceSpec, report: Report) -> None:
        self.pause(entry, spec, report)

    def rotate(self, entry: Entry, spec: InstanceSpec, report: Report) -> None:
        report("rotate")
        self._fail()
        if spec.name not in self.applied:
            raise Permanent("engine-refused")
        self.applied[spec.name] = spec

    def correct(self, entry: Entry, spec: InstanceSpec, report: Report) -> None:
        self.apply(entry, spec, report)

    def behind(self, entry: Entry, spec: InstanceSpec) -> tuple[Difference, ...]:
        known = self.applied.get(spec.name)
        same = known is None or (known.version, known.plan, known.parameters) == (
            spec.version,
            spec.plan,
            spec.parameters,
        )
        if same and self.releases.get(spec.name, self.release) == self.release:
            return ()
        return (Difference("Server", spec.name, "changed", ("image",), True),)

    def destroy(
        self, entry: Entry, spec: InstanceSpec, report: Report, *, force: bool = False
    ) -> None:
        report("remove")
        self._fail()
        for store in (self.applied, self.looks):
            store.pop(spec.name, None)
        self.paused.discard(spec.name)

    def logs(self, entry: Entry, spec: InstanceSpec, lines: int) -> str:
        return "fake: ready"

    def readings(self, wanted: Sequence[tuple[Entry, InstanceSpec]]) -> Mapping[str, Reading]:
        self._fail()
        running = [
            s.name for _, s in wanted if s.name in self.applied and s.name not in self.paused
        ]
        return {name: self.takes.get(name, Reading(memory_mib=100)) for name in running}

    def usage(self, wanted: UsageAsked, until: datetime) -> UsageTold:
        self._fail()
        self.asked = {spec.name: (since, until) for _, spec, since in wanted}
        return {name: self.counted[name] for name in self.asked if name in self.counted}

    def counters(self, wanted: UsageAsked, until: datetime) -> UsageTold:
        if self.counters_away:
            raise Temporary("metrics-away")
        self.counters_asked = {spec.name: (since, until) for _, spec, since in wanted}
        return {
            name: self.counter_told[name]
            for name in self.counters_asked
            if name in self.counter_told
        }

    def _endpoint(self, spec: InstanceSpec) -> Endpoint:
        return Endpoint("client", "fake", "127.0.0.1", 5432, "fake://app@127.0.0.1:5432/", False)

    def _fail(self) -> None:
        if self.faults:
            raise self.faults.pop(0)
