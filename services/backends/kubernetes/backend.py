"""The Kubernetes backend: an instance is a few objects that a well-kept operator acts on.

Objects are applied by the server as field manager `polder`; what was applied is remembered, so that
nothing is applied twice and drift is seen against it, never against what today's code would render.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.conf import settings

from portal.kernel import clock
from portal.kernel.errors import Permanent, Temporary
from services import registry
from services.backends.kubernetes import (
    applied,
    counters,
    differences,
    effects,
    events,
    health,
    leaving,
    namespaces,
    patience,
    readings,
    rights,
    secrets,
    stamps,
    usage,
)
from services.backends.kubernetes.clients import objects_of
from services.backends.kubernetes.objects import Objects
from services.manifests.objects import OPTIONAL
from services.regions import clusters, quota
from services.spec import (
    Credentials,
    Difference,
    Effect,
    Entry,
    Health,
    InstanceSpec,
    Kubernetes,
    Live,
    Manifest,
    Observation,
    Observed,
    Reading,
    Ref,
    Report,
    Secret,
    UsageAsked,
    UsageTold,
)

if TYPE_CHECKING:
    from services.backends.models import Applied
    from services.regions.models import Region

_STEPS = {
    "create": ("namespace", "objects", "operator"),
    "pause": ("stop", "operator"),
    "rotate": ("rotate",),
    "delete": ("stop", "operator"),
    "purge": ("stop", "remove"),
}
SETTLE = timedelta(seconds=10)
_LONG = timedelta(seconds=10)
_KEPT = 300  # characters of an operator's message


class KubernetesBackend:
    """See services.spec.Backend for the contract."""

    poll_seconds = 5.0  # the watch of the region wakes an operation long before

    def __init__(self, region: Region, objects: Objects | None = None) -> None:
        self.region = region
        self.settings = clusters.settings_of(region)
        self.objects = objects or objects_of(region)

    def check(self) -> Health:
        api, entries = clusters.metrics_of(self.region), registry.entries().values()
        with patience.within(patience.CHECK_SECONDS):
            return health.check(self.objects, self.settings, entries, api)

    def steps(self, entry: Entry, spec: InstanceSpec, kind: str) -> tuple[str, ...]:
        return _STEPS.get(kind, ("objects", "operator"))

    def effect(self, entry: Entry, before: InstanceSpec, after: InstanceSpec) -> Effect:
        return effects.effect(entry, before, after)

    # -- towards the desired state ---------------------------------------------------------------

    def apply(self, entry: Entry, spec: InstanceSpec, report: Report) -> None:
        report("namespace")
        self._ensure_namespace(spec)
        with self._forgetting(spec):
            spec = self._with_secrets(entry, spec)
            wanted = self._wanted(entry, spec)
            self._try(wanted, spec)
            report("objects")
            self._apply(wanted, spec)
        report("operator")

    @contextmanager
    def _forgetting(self, spec: InstanceSpec) -> Iterator[None]:
        """A namespace that is gone took its guard rails along: they are made again next time."""
        try:
            yield
        except Temporary as error:
            if error.code == "namespace-gone":
                applied.forget(self.region, spec.namespace)
            raise

    def _try(self, wanted: Sequence[Manifest], spec: InstanceSpec) -> None:
        """Refusals of a change are heard while it can still be taken back: nothing is made."""
        for made in applied.changes(applied.rows_of(self.region, spec.name), wanted):
            self.objects.apply(made, dry_run=True)

    def _apply(self, wanted: Sequence[Manifest], spec: InstanceSpec) -> None:
        """Nothing is asked of the cluster where exactly this was applied before and stands."""
        rows = list(applied.rows_of(self.region, spec.name))
        if applied.is_current(rows, wanted) and self._stand(rows):
            return
        stands = [self.objects.apply(made) for made in wanted]
        for row in applied.no_longer(rows, wanted):  # remembered until it is gone
            self._remove(applied.ref_of(row), row.namespace, force=False)
        applied.remember(self.region, spec.name, wanted, stands)

    def _stand(self, rows: Sequence[Applied]) -> bool:
        return all(self.read(applied.ref_of(row), row.namespace) is not None for row in rows)

    def _ensure_namespace(self, spec: InstanceSpec) -> None:
        wanted = self._guard_rails(spec)
        rows = list(applied.rows_of(self.region, spec.namespace))
        if applied.is_current(rows, wanted):
            return
        try:
            stands = [self.objects.apply(one) for one in wanted]
        except Permanent as error:
            if error.code != "not-allowed-there":
                raise
            # The right that was just given takes a moment to hold.
            raise Temporary(error.code, retry_after=1, detail=error.detail) from error
        applied.remember(self.region, spec.namespace, wanted, stands)

    def _guard_rails(self, spec: InstanceSpec) -> list[Manifest]:
        """Of the project's namespace, which comes first."""
        limits = quota.limits_in(self.region, spec.namespace)
        keys = clusters.backup_keys_of(self.region)
        first, *others = namespaces.guard_rails(spec, limits, keys)
        made = [first, rights.binding(spec.namespace), *others]
        whole = replace(spec, generation=1, labels={})  # the same for all instances of a project
        wanted = [stamps.stamped(one, whole, self._installation) for one in made]
        wanted[0]["metadata"].pop("namespace")
        return wanted

    def _wanted(self, entry: Entry, spec: InstanceSpec) -> list[Manifest]:
        renderer = _renderer(entry)
        made, pods = renderer.manifests(spec, self.settings), renderer.selectors(spec)
        closed = spec.paused and renderer.BIN != "stopped"
        made += namespaces.openings(spec, self.settings, pods, closed=closed)
        return [
            stamps.stamped(one, spec, self._installation) for one in made if self._is_served(one)
        ]

    def _is_served(self, made: Manifest) -> bool:
        """Monitoring is left out of a cluster that has none."""
        kind = stamps.ref_of(made).kind
        return kind not in OPTIONAL or self.objects.serves(kind.api, kind.name)

    def _with_secrets(self, entry: Entry, spec: InstanceSpec) -> InstanceSpec:
        found = secrets.ensure(self.objects, spec, entry.offering.secrets)
        return replace(spec, secrets=found)

    @property
    def _installation(self) -> str:
        name: str = settings.POLDER_INSTALLATION
        return name

    # -- looking ---------------------------------------------------------------------------------

    def observe(self, entry: Entry, spec: InstanceSpec) -> Observation:
        refs = _renderer(entry).watched(spec)
        seen = self.judge(entry, spec, self._live(refs, spec.namespace))
        changed = applied.changed_at(self.region, spec.name)
        if seen.observed != Observed.PROGRESSING or changed is None:
            return seen
        if clock.now() - changed < _LONG:
            return seen
        said = events.refused_pods(self.objects, spec.namespace, spec.name, changed)
        return replace(seen, code="operator-retries", detail=said[:_KEPT]) if said else seen

    def judge(self, entry: Entry, spec: InstanceSpec, live: Live) -> Observation:
        """What `live` says. Ready or paused counts for what was applied last only."""
        renderer = _renderer(entry)
        if spec.paused and renderer.BIN != "stopped" and live:
            return self._judge_closed(spec)
        seen = renderer.observe(spec, self.settings, live)
        settled = seen.observed in (Observed.READY, Observed.PAUSED)
        if settled and not (_is_of(spec.generation, live) and self._is_about_now(renderer, spec)):
            return Observation(Observed.PROGRESSING, "operator-works")
        return replace(seen, detail=seen.detail[:_KEPT])

    def _is_about_now(self, renderer: Kubernetes, spec: InstanceSpec) -> bool:
        """An operator that does not say which generation it has seen is given time to see it."""
        if renderer.TELLS_GENERATION or not applied.was_changed(self.region, spec.name):
            return True
        changed = applied.changed_at(self.region, spec.name)
        return changed is None or clock.now() - changed > SETTLE

    def _judge_closed(self, spec: InstanceSpec) -> Observation:
        """In the bin without a pause: it runs, and nobody reaches it."""
        opening = Ref(namespaces.POLICY, f"{spec.name}-open")
        if self.read(opening, spec.namespace) is None:
            return Observation(Observed.PAUSED)
        return Observation(Observed.PROGRESSING, "operator-works")

    def credentials(self, entry: Entry, spec: InstanceSpec) -> Credentials:
        """With secrets in `spec` (dots, for a page) nothing secret is read."""
        renderer, shown = _renderer(entry), bool(spec.secrets)
        with patience.within(patience.PAGE_SECONDS):
            live = self._live(renderer.revealed(spec), spec.namespace)
            if not shown:
                spec = replace(spec, secrets=secrets.held(self.objects, spec))
        try:
            return renderer.credentials(
                spec, self.settings, secrets.masked(live) if shown else live
            )
        except KeyError as error:
            raise Temporary("secrets-missing", retry_after=2) from error

    def logs(self, entry: Entry, spec: InstanceSpec, lines: int) -> str:
        """The newest `lines` of each pod, pod by pod."""
        with patience.within(patience.PAGE_SECONDS):
            return self._logs(entry, spec, lines)

    def _logs(self, entry: Entry, spec: InstanceSpec, lines: int) -> str:
        told: list[str] = []
        for labels in _renderer(entry).selectors(spec):
            for pod in self.objects.list("v1", "Pod", spec.namespace, labels):
                name = pod["metadata"]["name"]
                text = self.objects.pod_log(name, spec.namespace, lines)
                told += [f"{name}  {line}" for line in text.splitlines()]
        known = secrets.held(self.objects, spec).values()
        return secrets.redacted("\n".join(told), list(known))

    def readings(self, wanted: Sequence[tuple[Entry, InstanceSpec]]) -> Mapping[str, Reading]:
        """One request for each project's namespace."""
        return readings.read(self.objects, [(_renderer(entry), spec) for entry, spec in wanted])

    def usage(self, wanted: UsageAsked, until: datetime) -> UsageTold:
        return usage.read(self.objects, wanted, until)

    def counters(self, wanted: UsageAsked, until: datetime) -> UsageTold:
        return counters.read(clusters.metrics_of(self.region), wanted, until)

    # -- other changes ---------------------------------------------------------------------------

    def pause(self, entry: Entry, spec: InstanceSpec, report: Report) -> None:
        report("stop")
        paused = replace(self._with_secrets(entry, spec), paused=True)
        self._apply(self._wanted(entry, paused), paused)
        report("operator")

    def stop(self, entry: Entry, spec: InstanceSpec, report: Report) -> None:
        """Into the bin: stopped, or closed to everybody with its passwords changed."""
        if _renderer(entry).BIN == "isolated" and spec.rotation:
            secrets.rotate(self.objects, spec, entry.offering.secrets[0])
        self.pause(entry, spec, report)

    def rotate(self, entry: Entry, spec: InstanceSpec, report: Report) -> None:
        """Only objects that the new password changes are touched."""
        report("rotate")
        rows = {applied.ref_of(row): row for row in applied.rows_of(self.region, spec.name)}
        new = secrets.rotate(self.objects, spec, entry.offering.secrets[0])
        wanted = self._wanted(entry, replace(spec, secrets=new))
        blank = self._wanted(entry, replace(spec, secrets=dict.fromkeys(new, Secret("x"))))
        for made, other in zip(wanted, blank, strict=True):
            row = rows.get(stamps.ref_of(made))
            if made != other and (row is None or row.wanted != stamps.digest(made)):
                applied.put(self.region, spec.name, row, made, self.objects.apply(made))

    def correct(self, entry: Entry, spec: InstanceSpec, report: Report) -> None:
        """Puts back what has drifted, as it was applied, whoever changed it; values of Secrets are
        rendered.
        """
        self._ensure_namespace(spec)
        report("objects")
        with self._forgetting(spec):
            self._put_back(entry, spec)
        report("operator")

    def _put_back(self, entry: Entry, spec: InstanceSpec) -> None:
        fresh = {
            stamps.ref_of(made): made
            for made in self._wanted(entry, self._with_secrets(entry, spec))
        }
        for row in applied.rows_of(self.region, spec.name):
            made = fresh.get(applied.ref_of(row)) if row.kind == "Secret" else row.manifest
            if made is not None and not self._is_newer(row, made):
                stands = self.objects.apply(made, force=True)
                applied.put(self.region, spec.name, row, made, stands)

    def behind(self, entry: Entry, spec: InstanceSpec) -> tuple[Difference, ...]:
        """Of the guard rails of its project too: they come along. Reads the instance's passwords,
        of which manifests hold digests.
        """
        held = secrets.held(self.objects, spec)
        rails = applied.rows_of(self.region, spec.namespace)
        rows = applied.rows_of(self.region, spec.name)
        return (
            *differences.between(rails, self._guard_rails(spec)),
            *differences.between(rows, self._wanted(entry, replace(spec, secrets=held))),
        )

    def _is_newer(self, row: Applied, made: Manifest) -> bool:
        """A Secret that this release renders otherwise stays as it is: to put it back is no way to
        bring something new. One that is gone is made anew all the same.
        """
        if row.kind != "Secret" or stamps.digest(made) == row.wanted:
            return False
        return self.read(applied.ref_of(row), row.namespace) is not None

    def destroy(
        self, entry: Entry, spec: InstanceSpec, report: Report, *, force: bool = False
    ) -> None:
        """In the opposite order of making, each gone before the next; then what an operator leaves
        behind, and the passwords.
        """
        report("stop")
        for ref in self._made(entry, spec):
            self._remove(ref, spec.namespace, force=force)
        report("remove")
        for left in _renderer(entry).leftovers(spec):
            kind = left.kind
            for found in self.objects.list(kind.api, kind.name, spec.namespace, left.labels):
                self._remove(Ref(kind, found["metadata"]["name"]), spec.namespace, force=force)
        self.objects.delete("v1", "Secret", secrets.name_of(spec), spec.namespace)
        applied.forget(self.region, spec.name)

    def _made(self, entry: Entry, spec: InstanceSpec) -> list[Ref]:
        """All that may be there, the last made first: what is remembered, and what would be made,
        of which a part may stand without being remembered.
        """
        blank = replace(spec, secrets=dict.fromkeys(entry.offering.secrets, Secret("x")))
        wanted = [stamps.ref_of(made) for made in self._wanted(entry, replace(blank, paused=False))]
        rows = [applied.ref_of(row) for row in applied.rows_of(self.region, spec.name)]
        return list(reversed([*wanted, *(ref for ref in rows if ref not in wanted)]))

    def _remove(self, ref: Ref, namespace: str, *, force: bool) -> None:
        """Raises: Temporary("deleting") while it is still there, with what holds it back."""
        try:
            if not self.objects.delete(ref.kind.api, ref.kind.name, ref.name, namespace):
                return
        except Permanent as error:
            if error.code == "kind-not-served":  # its operator went, and the objects with it
                return
            raise
        found = self.read(ref, namespace)
        if found is None:
            return
        if leaving.is_made_anew(found):
            self.objects.delete(
                ref.kind.api, ref.kind.name, ref.name, namespace, policy="Background"
            )
        if force:
            self.objects.release(ref.kind.api, ref.kind.name, ref.name, namespace)
            return
        raise Temporary("deleting", retry_after=1, detail=leaving.held_back(ref, found))

    # -- reading objects -------------------------------------------------------------------------

    def _live(self, refs: Sequence[Ref], namespace: str) -> Live:
        found = {ref: self.read(ref, namespace) for ref in refs}
        return {ref: one for ref, one in found.items() if one is not None}

    def read(self, ref: Ref, namespace: str) -> Manifest | None:
        return self.objects.get(ref.kind.api, ref.kind.name, ref.name, namespace or None)


def _renderer(entry: Entry) -> Kubernetes:
    if entry.kubernetes is None:
        raise Permanent("not-here", offering=entry.offering.slug)
    return entry.kubernetes


def _is_of(generation: int, live: Live) -> bool:
    """Whether the objects are those of this generation; what an operator made bears none."""
    notes = [found["metadata"].get("annotations", {}) for found in live.values()]
    told = {note[stamps.GENERATION] for note in notes if stamps.GENERATION in note}
    return told <= {str(generation)}
