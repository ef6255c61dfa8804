"""Knative Serving 1.23: Service. A change makes a revision; a revision that cannot start leaves the
older one to serve. Once a revision is ready the way to it is made, and then the service is ready.
Seen with the real one (operators_real/).
"""

from __future__ import annotations

from collections.abc import Iterable

from tests.kubernetes.operators.double import Object, Play, Seen, conditions
from tests.kubernetes.operators.shapes import deployment

_WAITS = 'Configuration "{}" is waiting for a Revision to become ready.'
_LOST = 'Configuration "{}" does not have any ready Revision.'
_WAY = "Ingress has not yet been reconciled."
_INSIDE = "networking.knative.dev/visibility"


def _revision(one: Object, number: int) -> str:
    return f"{one['metadata']['name']}-{number:05}"


class Services(Play):
    api = "serving.knative.dev/v1"
    plural = "services"

    def children(self, one: Object) -> Iterable[Object]:
        made = one["spec"]["template"]["spec"]["containers"][0]
        name = f"{_revision(one, one['metadata']['generation'])}-deployment"
        yield deployment(name, 1, made["image"], made["resources"])

    def status(self, one: Object, seen: Seen) -> Object:
        named, now = one["metadata"], one.get("status", {})
        newest = _revision(one, named["generation"])
        told: Object = {"latestCreatedRevisionName": newest, "url": _url(one)}
        serving = now.get("latestReadyRevisionName", "")
        if serving == newest or seen.settled:
            told["latestReadyRevisionName"] = newest
        return {**told, "conditions": conditions(one, **_conditions(one, seen, serving, newest))}


def _conditions(
    one: Object, seen: Seen, serving: str, newest: str
) -> dict[str, tuple[str, str, str]]:
    name, good = one["metadata"]["name"], ("True", "", "")
    if serving == newest:
        return {"ConfigurationsReady": good, "RoutesReady": good, "Ready": good}
    if seen.settled:
        way = ("Unknown", "IngressNotConfigured", _WAY)
        return {"ConfigurationsReady": good, "RoutesReady": way, "Ready": way}
    if seen.trouble:
        said = f'Revision "{newest}" failed with message: {seen.trouble[1]}'
        why = ("False", "RevisionFailed", said)
        if serving:
            return {"ConfigurationsReady": why, "RoutesReady": good, "Ready": why}
        lost = ("False", "RevisionMissing", _LOST.format(name))
        return {"ConfigurationsReady": why, "RoutesReady": lost, "Ready": lost}
    if serving:
        works = ("Unknown", "", "")
        return {"ConfigurationsReady": works, "RoutesReady": good, "Ready": works}
    waits = ("Unknown", "RevisionMissing", _WAITS.format(name))
    return {"ConfigurationsReady": ("Unknown", "", ""), "RoutesReady": waits, "Ready": waits}


def _url(one: Object) -> str:
    """TLS ends where the world comes in."""
    named = one["metadata"]
    if named.get("labels", {}).get(_INSIDE) == "cluster-local":
        return f"http://{named['name']}.{named['namespace']}.svc.cluster.local"
    return f"https://{named['name']}.{named['namespace']}.fn.eu-1.example.eu"
