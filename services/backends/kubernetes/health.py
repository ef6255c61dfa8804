"""How a cluster is: whether it is new enough, what it serves, what the portal may do there, and so
which offerings can be ordered and why not the others.

A handful of requests, however many offerings there are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from portal.kernel import clock
from portal.kernel.errors import BackendError, Permanent
from services.backends.kubernetes import readings
from services.backends.kubernetes.metrics import Metrics
from services.backends.kubernetes.objects import Objects, Rule
from services.regions.metrics import MetricsApi
from services.spec import Entry, Health, Kind, RegionSettings

MINIMUM = (1, 31)  # operators' definitions have rules (CEL) that older API servers do not know
_VERSION = re.compile(r"v?(\d+)\.(\d+)")
_DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
_CLASS = Kind("storage.k8s.io/v1", "StorageClass")
_ISSUER = Kind("cert-manager.io/v1", "ClusterIssuer")
_NAMESPACE = "polder-check"  # need not be there: what is asked for is granted in the whole cluster
# In the whole cluster. What it may do in a project's namespace it is given with the namespace.
_OURS = ("create", "patch")
_OPERATORS = ("get", "list", "watch")

Reason = tuple[str, Mapping[str, str]]


def check(
    objects: Objects,
    settings: RegionSettings,
    entries: Iterable[Entry],
    api: MetricsApi | None = None,
) -> Health:
    """Raises: Temporary, Permanent where the API server does not answer, or not to us."""
    version, served = objects.version(), objects.kinds()
    classes, issuers = _listed(objects, _CLASS, served), None
    if settings.issuer:
        issuers = _listed(objects, _ISSUER, served)
    found = _Found(settings, version, served, classes, issuers, objects.rights(_NAMESPACE))
    entries = list(entries)
    why = {entry.offering.slug: found.obstacle(entry) for entry in entries}
    wanted = {kind for entry in entries if entry.kubernetes for kind in entry.kubernetes.KINDS}
    return Health(
        True,
        unavailable={slug: reason for slug, reason in why.items() if reason is not None},
        facts={
            "version": version,
            "storage_class": settings.storage_class or _default(classes or ()),
            "metrics": "served" if readings.POD_METRICS in served else "",
            "served": " ".join(sorted(f"{kind.api}/{kind.name}" for kind in wanted & set(served))),
            **_of_metrics(api, entries),
        },
    )


def _of_metrics(api: MetricsApi | None, entries: Iterable[Entry]) -> dict[str, str]:
    """Facts of the metrics API: whether it answers, and how many series it has of each counter. One
    that is away holds up no order, so it is no fault of the region.
    """
    if api is None:
        return {"metrics_api": "", "counters": ""}
    counters = {one for entry in entries if entry.usage for one in entry.usage.COUNTERS}
    if api.egress:
        counters.add(api.egress)
    now, metrics = clock.now(), Metrics(api)
    try:
        series: dict[str, int] = {}
        for one in counters:
            series[one.meter] = series.get(one.meter, 0) + metrics.count(one.selector, now)
    except BackendError as error:
        return {"metrics_api": error.code, "counters": "", "metrics_said": error.detail}
    said = " ".join(f"{meter}={count}" for meter, count in sorted(series.items()))
    return {"metrics_api": "answers", "counters": said, "metrics_said": ""}


@dataclass(frozen=True, slots=True)
class _Found:
    """What one check found. `classes`, `issuers` and `rules` are None where it may not look."""

    settings: RegionSettings
    version: str
    served: Mapping[Kind, str]
    classes: list[dict[str, Any]] | None
    issuers: list[dict[str, Any]] | None
    rules: list[Rule] | None

    def obstacle(self, entry: Entry) -> Reason | None:
        """Why an offering cannot be ordered; what staff must do first comes first."""
        renderer = entry.kubernetes
        if renderer is None:
            return "needs-process", {}
        if _is_old(self.version):
            return "kubernetes-old", {
                "version": self.version,
                "minimum": ".".join(map(str, MINIMUM)),
            }
        if missing := [kind for kind in renderer.KINDS if kind not in self.served]:
            return "operator-missing", {"kinds": ", ".join(f"{k.name} ({k.api})" for k in missing)}
        if unset := [name for name in sorted(renderer.NEEDS) if not getattr(self.settings, name)]:
            return "setting-missing", {"settings": ",".join(unset)}
        issuer, storage = self.settings.issuer, self.settings.storage_class
        if "issuer" in renderer.NEEDS and _is_missing(issuer, self.issuers):
            return "issuer-missing", {"name": issuer}
        stores = any(plan.storage_gib for plan in entry.offering.plans)
        if stores and storage and _is_missing(storage, self.classes):
            return "storage-class-missing", {"name": storage}
        if lacking := list(self._lacking(renderer.KINDS)):
            return "right-missing", {"rights": ", ".join(lacking)}
        return None

    def _lacking(self, kinds: Iterable[Kind]) -> Iterator[str]:
        """Rights that the portal must have and has not, as `create namespaces`."""
        wanted = [("", "namespaces", verb) for verb in _OURS]
        for kind in kinds:
            group = kind.api.rpartition("/")[0]
            wanted += [(group, self.served[kind], verb) for verb in _OPERATORS]
        for group, resource, verb in wanted:
            if self.rules is not None and not any(
                rule.allows(group, resource, verb) for rule in self.rules
            ):
                yield f"{verb} {resource}.{group}".rstrip(".")


def _is_old(version: str) -> bool:
    """An unreadable version is not held against it."""
    found = _VERSION.match(version)
    return found is not None and (int(found[1]), int(found[2])) < MINIMUM


def _listed(
    objects: Objects, kind: Kind, served: Mapping[Kind, str]
) -> list[dict[str, Any]] | None:
    """None where the portal may not look; then nothing is said of them."""
    if kind not in served:
        return []
    try:
        return objects.list(kind.api, kind.name)
    except Permanent:
        return None


def _is_missing(name: str, rows: list[dict[str, Any]] | None) -> bool:
    return rows is not None and name not in {row["metadata"]["name"] for row in rows}


def _default(classes: Iterable[Mapping[str, Any]]) -> str:
    """The class that the cluster takes where none is named; empty where it has none."""
    for row in classes:
        if row["metadata"].get("annotations", {}).get(_DEFAULT_CLASS) == "true":
            return str(row["metadata"]["name"])
    return ""
