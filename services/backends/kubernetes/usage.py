"""What instances use beyond their plans, from the objects of their clusters: what their offerings
tell of, and public addresses.
"""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal

from portal.kernel.errors import Permanent
from services.backends.kubernetes.objects import Objects
from services.spec import (
    Counted,
    Entry,
    InstanceSpec,
    Kind,
    Listing,
    Manifest,
    UsageAsked,
    UsageTold,
)

logger = logging.getLogger(__name__)
IPV4 = "public_ipv4"
_SERVICE = Kind("v1", "Service")


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
        told_by_objects = entry.usage is not None and entry.usage.METERS
        if not told_by_objects and not _may_be_public(spec):
            continue
        try:
            told = _of_offering(lists, entry, spec, since, until)
            if _may_be_public(spec):
                told = (*told, _addresses(lists, spec))
        except Permanent as error:
            logger.warning("usage.not_listed", extra={"instance": spec.name, "code": error.code})
            continue
        found[spec.name] = told
    return found


def _of_offering(
    lists: _Lists, entry: Entry, spec: InstanceSpec, since: datetime, until: datetime
) -> tuple[Counted, ...]:
    told = entry.usage
    listings = told.listings(spec) if told is not None else ()
    if told is None or not listings:
        return ()
    seen = [one for each in listings for one in lists.matching(each, spec.namespace)]
    return told.counted(spec, seen, since, until)


# -- public addresses ------------------------------------------------------------------------------


def _may_be_public(spec: InstanceSpec) -> bool:
    """At rest it costs what it stores and nothing else, whatever the balancer keeps for it."""
    return bool(spec.parameters.get("public")) and not spec.paused


def _addresses(lists: _Lists, spec: InstanceSpec) -> Counted:
    """Those that it holds now, each once. Its own Services and those that operators make for it are
    called by its name. Source: Kubernetes, core/v1 Service, `status.loadBalancer`.
    """
    services = lists.matching(Listing(_SERVICE, {}), spec.namespace)
    mine = (one for one in services if _is_of(one["metadata"]["name"], spec.name))
    return Counted(IPV4, Decimal(len(set(_public(mine)))), kept=True)


def _is_of(name: str, instance: str) -> bool:
    return name == instance or name.startswith(f"{instance}-")


def _public(services: Iterable[Manifest]) -> Iterator[str]:
    """Addresses that the internet knows: what a balancer has within a network of its own is none.
    Of one that gives a name alone nobody can tell which addresses are behind it.
    """
    for one in services:
        if one["spec"].get("type") != "LoadBalancer":
            continue
        given = (one.get("status") or {}).get("loadBalancer") or {}
        for ingress in given.get("ingress") or ():
            address = ingress.get("ip", "")
            if address and _is_public_ipv4(address):
                yield address


def _is_public_ipv4(text: str) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return address.version == 4 and address.is_global
