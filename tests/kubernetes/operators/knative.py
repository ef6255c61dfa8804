"""Knative Serving 1.23: Service. A change makes a revision; a revision that cannot start leaves the
older one to serve.
"""

from __future__ import annotations

from collections.abc import Iterable

from tests.kubernetes.operators.double import Object, Play, Seen, conditions
from tests.kubernetes.operators.shapes import deployment

_WAITS = "Configuration is waiting for a Revision to become ready."


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
        named, serving = one["metadata"], one.get("status", {}).get("latestReadyRevisionName")
        newest = _revision(one, named["generation"])
        url = f"https://{named['name']}.{named['namespace']}.fn.eu-1.example.eu"
        told: Object = {"latestCreatedRevisionName": newest, "url": url}
        if seen.settled or serving == newest:
            good = ("True", "", "")
            told["latestReadyRevisionName"] = newest
            said = {"ConfigurationsReady": good, "RoutesReady": good, "Ready": good}
        elif seen.trouble:
            why = ("False", "RevisionFailed", f'Revision "{newest}" failed: {seen.trouble[1]}')
            lost = ("False", "RevisionMissing", "There is no ready Revision.")
            routes = ("True", "", "") if serving else lost
            said = {"ConfigurationsReady": why, "RoutesReady": routes}
            said["Ready"] = why if serving else lost
        else:
            waits = ("Unknown", "RevisionMissing", _WAITS)
            said = {"ConfigurationsReady": ("Unknown", "", ""), "Ready": waits}
        return {**told, "conditions": conditions(one, **said)}
