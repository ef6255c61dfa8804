"""Where instances run: what a backend is asked, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

from services.spec.entry import Entry
from services.spec.instance import Credentials, InstanceSpec, Observation
from services.spec.usage import Counted


@dataclass(frozen=True, slots=True)
class Health:
    """Of a backend. `unavailable` maps an offering's slug to (reason code, params) why it cannot be
    ordered; `facts` is what staff may want to know besides, such as a version.
    """

    ok: bool
    detail: str = ""
    unavailable: Mapping[str, tuple[str, Mapping[str, str]]] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Difference:
    """One object or file of an instance that today's renderers would make other than it was
    applied. `fields` are paths within it. `restart` says whether a server restarts by it; None
    where that is decided elsewhere (by an operator, or by what reads it).
    """

    kind: str
    name: str
    change: Literal["new", "changed", "gone"]
    fields: tuple[str, ...] = ()
    restart: bool | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What an instance takes at this moment: of its busiest node, since that is what a plan must
    hold. None where it cannot be told.

    Of its processor time a backend tells one of two: `millicores` in use on average of late, or the
    `cpu_milliseconds` that it has used since it began, which the caller compares with the last
    ones. `connections` are those of its clients; Polder's own are not counted.
    """

    memory_mib: int
    millicores: int | None = None
    cpu_milliseconds: int | None = None
    connections: int | None = None


UsageAsked = Sequence[tuple[Entry, InstanceSpec, datetime]]  # since when
UsageTold = Mapping[str, tuple[Counted, ...]]  # by the name of the instance


class Report(Protocol):
    """Told by a backend as it goes: step `code` is being done now. Renews the lease of the caller.

    `percent` (0–100) and `params` refine the step's text. Raises: StaleState when the caller has
    lost its claim.
    """

    def __call__(self, code: str, *, percent: int | None = None, **params: Any) -> None: ...


Effect = Literal["none", "rolling", "restart", "replace"]


class Backend(Protocol):
    """Where instances run. All I/O of the service side is behind these calls; each is idempotent
    and may be repeated after a crash at any line. Each raises Temporary (come back later) or
    Permanent (give up).

    `poll_seconds` is how long to wait between two looks while something is under way. `correct`
    puts back what was applied, as it was applied; `behind` tells what `apply` would change of it,
    and changes nothing. With `force`, `destroy` does not wait for what holds an object back.
    `readings` asks for many at once, by name; those that do not run are left out, and a backend
    that can measure nothing raises Permanent("metrics-not-served").
    `usage` asks of many, each with the moment since when, what they used until another beyond what
    the time of their plans counts; `counters` the same of what no object shows, and something else
    in the region or the servers themselves count. What a backend cannot tell now is left out, to be
    asked again; each of the two has a moment of its own, so that one that is away holds up nothing
    of the other.
    """

    poll_seconds: float

    def check(self) -> Health: ...
    def steps(self, entry: Entry, spec: InstanceSpec, kind: str) -> tuple[str, ...]: ...
    def effect(self, entry: Entry, before: InstanceSpec, after: InstanceSpec) -> Effect: ...
    def apply(self, entry: Entry, spec: InstanceSpec, report: Report) -> None: ...
    def observe(self, entry: Entry, spec: InstanceSpec) -> Observation: ...
    def credentials(self, entry: Entry, spec: InstanceSpec) -> Credentials: ...
    def pause(self, entry: Entry, spec: InstanceSpec, report: Report) -> None: ...
    def rotate(self, entry: Entry, spec: InstanceSpec, report: Report) -> None: ...
    def stop(self, entry: Entry, spec: InstanceSpec, report: Report) -> None: ...
    def destroy(
        self, entry: Entry, spec: InstanceSpec, report: Report, *, force: bool = False
    ) -> None: ...
    def correct(self, entry: Entry, spec: InstanceSpec, report: Report) -> None: ...
    def behind(self, entry: Entry, spec: InstanceSpec) -> tuple[Difference, ...]: ...
    def logs(self, entry: Entry, spec: InstanceSpec, lines: int) -> str: ...
    def readings(self, wanted: Sequence[tuple[Entry, InstanceSpec]]) -> Mapping[str, Reading]: ...
    def usage(self, wanted: UsageAsked, until: datetime) -> UsageTold: ...
    def counters(self, wanted: UsageAsked, until: datetime) -> UsageTold: ...
