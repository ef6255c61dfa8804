"""Knative Serving on the rig: its controller and webhook, the real ones, with all of its kinds and
settings from the same module.

Two parts are played, as they cannot be here: the autoscaler insists on the controller's port, and
the ingress comes from another project, with a proxy of its own.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tests.kubernetes.api import Api, place
from tests.kubernetes.assets.sets import SERVING, SETS
from tests.kubernetes.cluster import Cluster
from tests.kubernetes.operators.double import Object, Play, Seen, conditions
from tests.kubernetes.operators_real.outside import Outside

NAMESPACE = "knative-serving"
DOMAIN = "fn.eu-1.example.eu"
_PORT = 8443
_SCALE = "autoscaling.knative.dev/{}-scale"


class Knative:
    """On a cluster with nodes. `stop` and `start` the controller at will; the webhook stays."""

    def __init__(self, cluster: Cluster, outside: Outside) -> None:
        self.cluster, self.outside = cluster, outside
        self._tools = SETS["knative"]

    def install(self) -> Knative:
        """Kinds, settings, controller and webhook; the autoscaler's part and the ingress's."""
        serving = self._tools.manifest(SERVING, "config/core")
        parts = [self._tools.manifest(f"knative.dev/{one}", "config") for one in _BESIDE]
        self.cluster.apply({**_V1, "kind": "Namespace", "metadata": {"name": NAMESPACE}})
        self.cluster.define(*_definitions(serving / "300-resources", *parts))
        self.cluster.apply(*_documents(serving / "configmaps"), *_settings(*parts))
        self.cluster.apply(*_hooks(serving / "webhooks"), _service())
        self._run("knative-webhook", WEBHOOK_NAME="webhook", WEBHOOK_PORT=str(_PORT))
        self.cluster.wait("knative-webhook", lambda: self.cluster.network.answers(_PORT))
        self.start()
        return self

    def start(self) -> None:
        self._run("knative-controller", PROFILING_PORT="8009", **self.outside.trusted)
        self.cluster.wait("knative-controller", lambda: self.cluster.network.answers(8080))

    def stop(self) -> None:
        """As a crash would."""
        self.cluster.kill("knative-controller")

    def _run(self, program: str, **more: str) -> None:
        known = {
            "SYSTEM_NAMESPACE": NAMESPACE,
            "CONFIG_LOGGING_NAME": "config-logging",
            "CONFIG_OBSERVABILITY_NAME": "config-observability",
            "POD_NAME": program,
        }
        self.cluster.run(program, environment={**known, **more})


_V1 = {"apiVersion": "v1"}
_BESIDE = ("networking", "caching")


def _documents(*folders: Path) -> list[dict[str, Any]]:
    files = [file for folder in folders for file in sorted(folder.glob("*.yaml"))]
    return [one for file in files for one in yaml.safe_load_all(file.read_text()) if one]


def _definitions(*folders: Path) -> list[Path]:
    files = [file for folder in folders for file in sorted(folder.glob("*.yaml"))]
    return [file for file in files if "kind: CustomResourceDefinition" in file.read_text()]


def _settings(*folders: Path) -> list[dict[str, Any]]:
    """Names under a domain of the region's."""
    found = [one for one in _documents(*folders) if one["kind"] == "ConfigMap"]
    named = {"name": "config-domain", "namespace": NAMESPACE}
    return [*found, {**_V1, "kind": "ConfigMap", "metadata": named, "data": {DOMAIN: ""}}]


def _hooks(folder: Path) -> list[dict[str, Any]]:
    """Its own webhooks and its Secret. It writes its certificate and its paths into them itself,
    and wants a Service there; the port is one that nobody else has.
    """
    made = _documents(folder)
    for one in made:
        for hook in one.get("webhooks", ()):
            hook["clientConfig"]["service"]["port"] = _PORT
    return made


def _service() -> dict[str, Any]:
    """The webhook listens on every address, so on this one."""
    named = {"name": "webhook", "namespace": NAMESPACE}
    return {**_V1, "kind": "Service", "metadata": named, "spec": {"ports": [{"port": _PORT}]}}


class PodAutoscalers(Play):
    """The autoscaler's part: as many pods as there must be at least, and one to begin with."""

    api = "autoscaling.internal.knative.dev/v1alpha1"
    plural = "podautoscalers"

    def __init__(self, api: Api) -> None:
        self.of = api

    def status(self, one: Object, seen: Seen) -> Object:
        named, target = one["metadata"], one["spec"]["scaleTargetRef"]["name"]
        path = place("apps/v1", "deployments", named["namespace"], target)
        workload = self.of.get(path)
        least = max(1, int(named.get("annotations", {}).get(_SCALE.format("min"), "1")))
        if workload and workload["spec"]["replicas"] != least:
            self.of.merge(path, {"spec": {"replicas": least}})
        ready = workload.get("status", {}).get("readyReplicas", 0)
        good = ("True", "", "") if ready >= least else ("Unknown", "Queued", "Requests are queued")
        said = dict.fromkeys(("Active", "Ready", "ScaleTargetInitialized", "SKSReady"), good)
        return {
            "serviceName": named["name"],
            "metricsServiceName": f"{named['name']}-private",
            "desiredScale": least,
            "actualScale": ready,
            "conditions": conditions(one, **said),
        }


class Ingresses(Play):
    """The ingress's part: there is a way in."""

    api = "networking.internal.knative.dev/v1alpha1"
    plural = "ingresses"

    def status(self, one: Object, seen: Seen) -> Object:
        if not seen.settled:
            return {}
        names = ("LoadBalancerReady", "NetworkConfigured", "Ready")
        way = {"ingress": [{"domainInternal": "gateway.ingress.svc.cluster.local"}]}
        said = dict.fromkeys(names, ("True", "", ""))
        told = {"publicLoadBalancer": way, "privateLoadBalancer": way}
        return {**told, "conditions": conditions(one, **said)}


def surroundings(cluster: Cluster) -> tuple[Play, ...]:
    return PodAutoscalers(Api(cluster.kubeconfig)), Ingresses()
