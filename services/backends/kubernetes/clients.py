"""One client for each region in each process: the first call learns what its cluster serves."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

from portal.kernel import crypto
from services.backends.kubernetes.objects import Objects
from services.regions import clusters

if TYPE_CHECKING:
    from services.regions.models import Region

_known: dict[int, tuple[str, Objects]] = {}
_lock = Lock()


def objects_of(region: Region) -> Objects:
    """A new one where the kubeconfig has changed. Raises: Permanent("kubeconfig-wrong")."""
    mark = crypto.digest(region.secrets)
    with _lock:
        held = _known.get(region.pk)
        if held is not None and held[0] == mark:
            return held[1]
        made = Objects(clusters.kubeconfig_of(region), clusters.context_of(region))
        _known[region.pk] = (mark, made)
        return made
