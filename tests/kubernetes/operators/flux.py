"""Flux's helm-controller 1.6: HelmRelease, of charts that this file knows. A release has seen no
generation at all (-1) until its first install has ended; one that failed is tried again, and its
message stays meanwhile. What the chart makes is gone before the release is.
"""

from __future__ import annotations

from collections.abc import Iterable

from tests.kubernetes.operators.double import Object, Play, Seen, conditions
from tests.kubernetes.operators.shapes import claim, service, stateful_set


class HelmReleases(Play):
    api = "helm.toolkit.fluxcd.io/v2"
    plural = "helmreleases"
    finalizer = "finalizers.fluxcd.io"
    observes = False  # it says so itself, and late
    grows = False

    def children(self, one: Object) -> Iterable[Object]:
        yield from _nats(one["spec"]["values"])

    def status(self, one: Object, seen: Seen) -> Object:
        status, now = one.get("status") or {}, one["metadata"]["generation"]
        before = status.get("observedGeneration", -1)
        action = "Upgrade" if status.get("lastAttemptedReleaseAction") else "Install"
        known = {row["type"]: row["status"] for row in status.get("conditions", ())}
        if seen.settled and (before, known.get("Ready")) == (now, "True"):
            return {}
        if seen.settled:
            done = ("True", f"{action}Succeeded", f"Helm {action.lower()} succeeded")
            told = {"Ready": done, "Released": done, "Reconciling": ("False", "", "")}
            more = {"observedGeneration": now, "lastAttemptedReleaseAction": action.lower()}
        elif seen.trouble:
            bad = ("False", f"{action}Failed", f"Helm {action.lower()} failed: {seen.trouble[1]}")
            again = ("True", "ProgressingWithRetry", "retrying after 30s")
            told = {"Ready": bad, "Released": bad, "Reconciling": again}
            more = {"observedGeneration": now, "lastAttemptedReleaseAction": action.lower()}
        else:
            works = f"Running '{action.lower()}' action with timeout of 10m0s"
            told = {"Ready": ("Unknown", "Progressing", works)}
            told["Reconciling"] = ("True", "Progressing", works)
            more = {"observedGeneration": before}
        made = [{**row, "observedGeneration": now} for row in conditions(one, **told)]
        # It takes that condition away when it rests.
        kept = [row for row in made if (row["type"], row["status"]) != ("Reconciling", "False")]
        return {**more, "conditions": kept}


def _nats(values: Object) -> Iterable[Object]:
    name, ports = values["fullnameOverride"], {"nats": 4222, "mqtt": 1883}
    asked, pod = values["container"]["merge"]["resources"], values["podTemplate"]["merge"]
    yield service(name, ports, name)
    yield service(f"{name}-headless", ports, name, headless=True)
    yield stateful_set(
        name,
        values["statefulSet"]["merge"]["spec"]["replicas"],
        "nats:2.14.2-alpine",
        service=f"{name}-headless",
        resources=asked,
        claims={f"{name}-js": claim(values["config"]["jetstream"]["fileStore"]["pvc"]["size"])},
        marks=pod["metadata"]["annotations"],
    )
