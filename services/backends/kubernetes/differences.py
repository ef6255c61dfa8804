"""What today's renderers would apply other than what was applied. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from services.backends.kubernetes import stamps
from services.spec import Difference, Manifest

if TYPE_CHECKING:
    from services.backends.models import Applied

_WORKLOADS = frozenset({"StatefulSet", "Deployment"})
_PODS = ("spec", "template")
# Nothing that runs reads these. What reads a Secret or ConfigMap may restart; operators decide by
# themselves what they do about their own kinds.
_QUIET = frozenset(
    {
        "Certificate",
        "LimitRange",
        "Namespace",
        "NetworkPolicy",
        "PodDisruptionBudget",
        "PodMonitor",
        "ResourceQuota",
        "RoleBinding",
        "Service",
        "ServiceAccount",
        "ServiceMonitor",
    }
)


def between(rows: Iterable[Applied], wanted: Sequence[Manifest]) -> tuple[Difference, ...]:
    """`wanted` with the real passwords in it: digests of them tell whether they are the same."""
    return tuple(_differing(rows, wanted))


def _differing(rows: Iterable[Applied], wanted: Sequence[Manifest]) -> Iterator[Difference]:
    known = {(row.api, row.kind, row.name): row for row in rows}
    for made in wanted:
        kind, name = made["kind"], made["metadata"]["name"]
        row = known.pop((made["apiVersion"], kind, name), None)
        if row is None:
            yield Difference(kind, name, "new", restart=_restarts(kind, ()))
            continue
        same_note = _noted(made, row.manifest)
        if stamps.digest(same_note) != row.wanted:
            paths = _changed(row.manifest, stamps.without_secrets(same_note))
            fields = tuple(stamps.written(path) for path in paths) or ("data",)
            yield Difference(kind, name, "changed", fields, _restarts(kind, paths))
    for row in known.values():
        yield Difference(row.kind, row.name, "gone", restart=_restarts(row.kind, (_PODS,)))


def _noted(made: Manifest, before: Manifest) -> Manifest:
    """With the generation that it was applied with: another one alone is no difference."""
    note = before["metadata"].get("annotations", {}).get(stamps.GENERATION)
    metadata = made["metadata"]
    notes = {**metadata.get("annotations", {}), stamps.GENERATION: note}
    return {**made, "metadata": {**metadata, "annotations": notes}}


def _changed(before: Manifest, after: Manifest) -> tuple[stamps.Path, ...]:
    old, new = dict(stamps.leaves(before)), dict(stamps.leaves(after))
    paths = dict.fromkeys([*old, *new])
    gone = stamps.GONE
    return tuple(path for path in paths if old.get(path, gone) != new.get(path, gone))


def _restarts(kind: str, paths: Iterable[stamps.Path]) -> bool | None:
    if kind in _WORKLOADS:
        return any(path[:2] == _PODS for path in paths)
    return False if kind in _QUIET else None
