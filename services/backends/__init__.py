"""Where instances run. `backend_for(region)` is the only way to a backend."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from portal.kernel.errors import Permanent

if TYPE_CHECKING:
    from services.regions.models import Region
    from services.spec import Backend


def _process(region: Region) -> Backend:
    from services.backends.process.backend import ProcessBackend

    return ProcessBackend()


def _kubernetes(region: Region) -> Backend:
    from services.backends.kubernetes.backend import KubernetesBackend

    return KubernetesBackend(region)


BACKENDS: dict[str, Callable[[Region], Backend]] = {
    "process": _process,
    "kubernetes": _kubernetes,
}


def keeps_secrets(region: Region) -> bool:
    """Whether the passwords of its instances are kept by us; a cluster keeps its own."""
    return region.backend != "kubernetes"


def backend_for(region: Region) -> Backend:
    """Raises: Permanent("no-backend") when the region names a kind that this release does not
    have.
    """
    try:
        return BACKENDS[region.backend](region)
    except KeyError as error:
        raise Permanent("no-backend", backend=region.backend) from error
