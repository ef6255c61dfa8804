"""An offering together with its renderers, as the registry finds them in its folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from services.spec.catalogue import Capability, Offering, Snippet, Version
from services.spec.kubernetes import Kubernetes
from services.spec.process import Process
from services.spec.usage import Usage


@dataclass(frozen=True, slots=True)
class Entry:
    """An offering with the renderers it has; None where a backend cannot run it."""

    offering: Offering
    kubernetes: Kubernetes | None = None
    process: Process | None = None
    folder: Path = Path()
    snippets: tuple[Snippet, ...] = ()
    usage: Usage | None = None

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What it can do somewhere; where it runs may lack some of it."""
        known = (r.CAPABILITIES for r in (self.kubernetes, self.process) if r is not None)
        return frozenset[Capability]().union(*known)

    def versions(self, backend: str) -> tuple[Version, ...]:
        """Those that run on a backend ("kubernetes", "process"), the default there first; all on
        one that has no renderer.
        """
        known = self.offering.versions
        if backend == "kubernetes" and self.kubernetes:
            return tuple(v for v in known if v.id in self.kubernetes.VERSIONS)
        if backend == "process" and self.process:
            return tuple(v for v in known if _has_engine(self.process, v.id))
        return known


def _has_engine(process: Process, version: str) -> bool:
    try:
        return bool(process.engine(version))
    except KeyError:
        return False
