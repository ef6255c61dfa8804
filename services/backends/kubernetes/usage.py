"""What instances use beyond their plans, from the objects of their clusters."""

from __future__ import annotations

import logging
from datetime import datetime

from portal.kernel.errors import Permanent
from services.backends.kubernetes.objects import Objects
from services.spec import Counted, Kind, Listing, Manifest, UsageAsked, UsageTold

logger = logging.getLogger(__name__)


class _Lists:
    """What was listed once for all instances of a namespace."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._known: dict[tuple[Kind, str], list[Manifest]] = {}

    def matching(self, listing: Listing, namespace: str) -> list[Manifest]:
        where = (listing.kind, namespace)
        if where not in self._known:
            kind = listing.kind
            self._known[where] = self._objects.list(kind.api, kind.name, namespace)
        return [one for one in self._known[where] if _has(one, listing)]


def _has(one: Manifest, listing: Listing) -> bool:
    return listing.labels.items() <= (one["metadata"].get("labels") or {}).items()


def read(objects: Objects, wanted: UsageAsked, until: datetime) -> UsageTold:
    """One request for each kind in each project's namespace. A kind that the cluster does not give
    leaves out those that need it. Raises: Temporary.
    """
    lists = _Lists(objects)
    found: dict[str, tuple[Counted, ...]] = {}
    for entry, spec, since in wanted:
        told = entry.usage
        if told is None:
            continue
        listings = told.listings(spec)
        try:
            seen = [one for each in listings for one in lists.matching(each, spec.namespace)]
        except Permanent as error:
            logger.warning("usage.not_listed", extra={"instance": spec.name, "code": error.code})
            continue
        found[spec.name] = told.counted(spec, seen, since, until) if listings else ()
    return found
