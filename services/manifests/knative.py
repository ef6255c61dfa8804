"""A container that runs while it is asked for: Knative Serving 1.23, one `Service`.

Its webhook writes who made and last changed an object; those annotations are never sent. Source:
Knative's documentation and definitions, 1.23, and what was seen of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from services.manifests import conditions, objects
from services.manifests.conditions import condition, progressing
from services.manifests.objects import manifest
from services.spec import (
    Counter,
    Credentials,
    Endpoint,
    InstanceSpec,
    Kind,
    Listing,
    Live,
    Manifest,
    Observation,
    Observed,
    Pods,
    Ref,
    RegionSettings,
    Secret,
)

SERVICE = Kind("serving.knative.dev/v1", "Service")
KINDS = (SERVICE,)
_POD = Kind("v1", "Pod")
VERSIONS = ("1.23",)
_SIDECAR_VCPU, _SIDECAR_MIB = Decimal("0.1"), 128  # Knative's own container in each pod
CONTAINER = "user-container"
_SCALE = "autoscaling.knative.dev/{}-scale"
_INSIDE = {"networking.knative.dev/visibility": "cluster-local"}
_TOKEN = "SERVICE_TOKEN"  # noqa: S105  # a variable's name


def pods(spec: InstanceSpec) -> tuple[Pods, ...]:
    """As many as there can be at once."""
    vcpu, memory = spec.plan.vcpu + _SIDECAR_VCPU, spec.plan.memory_mib + _SIDECAR_MIB
    return (Pods("container", spec.parameters["max_scale"], vcpu, memory),)


def selectors(spec: InstanceSpec) -> tuple[Mapping[str, str], ...]:
    return ({"serving.knative.dev/service": spec.name},)


def pods_of(spec: InstanceSpec) -> tuple[Listing, ...]:
    """The containers that ran or run for it."""
    return tuple(Listing(_POD, labels) for labels in selectors(spec))


def invocations(meter: str) -> Counter:
    """Requests that reached a container, whatever came of them; probes are none. The counter is the
    one of a histogram, `kn.serving.invocation.duration` of OpenTelemetry as Prometheus names it.
    """
    return Counter(
        meter,
        "kn_serving_invocation_duration_seconds_count",
        namespace="k8s_namespace_name",
        owner="kn_service_name",
        each=("k8s_pod_name", "kn_revision_name", "kn_route_tag", "http_response_status_code"),
    )


def ref(spec: InstanceSpec) -> Ref:
    return Ref(SERVICE, spec.name)


def manifests(spec: InstanceSpec, region: RegionSettings, *, port: int) -> list[Manifest]:
    """A changed token makes a new revision, or the containers would go on with the old one."""
    wanted, token = spec.parameters, spec.secrets["password"]
    most = wanted["max_scale"]
    least = 0 if spec.paused else min(wanted["min_scale"], most)
    annotations = {
        _SCALE.format("min"): str(least),
        _SCALE.format("max"): str(most),
        objects.RESTART: objects.digest([token]),
    }
    body = {
        "containerConcurrency": wanted["concurrency"],
        "timeoutSeconds": wanted["timeout_seconds"],
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "containers": [_container(spec, port)],
    }
    inside = spec.paused or not objects.is_public(spec, region)
    return [
        objects.secret(f"{spec.name}-env", {_TOKEN: token}),
        manifest(
            SERVICE,
            spec.name,
            {"template": {"metadata": {"annotations": annotations}, "spec": body}},
            labels=_INSIDE if inside else None,
        ),
    ]


def _container(spec: InstanceSpec, port: int) -> dict[str, Any]:
    source = {"secretKeyRef": {"name": f"{spec.name}-env", "key": _TOKEN}}
    return {
        "name": CONTAINER,
        "image": spec.parameters["image"],
        "ports": [{"name": "http1", "containerPort": port}],
        "env": [{"name": _TOKEN, "valueFrom": source}],
        "resources": objects.resources(spec.plan.vcpu, spec.plan.memory_mib),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }


def observe(spec: InstanceSpec, live: Live) -> Observation:
    """`Ready` does not say why a revision failed; `ConfigurationsReady` does. While an older
    revision still serves, the service lacks its change alone.
    """
    found = live.get(ref(spec))
    if found is None:
        return Observation(Observed.ABSENT)
    status = found.get("status") or {}
    ready, made = condition(found, "Ready"), condition(found, "ConfigurationsReady")
    if not conditions.up_to_date(found):
        return progressing("operator-works", ready.message)
    newest, serving = status.get("latestCreatedRevisionName"), status.get("latestReadyRevisionName")
    if made.false and serving and condition(found, "RoutesReady").true:
        seen = _endpoint(status)
        return replace(
            seen, observed=Observed.DEGRADED, code="operator-degraded", detail=made.message
        )
    if made.false:
        return conditions.failed(made.message)
    if ready.true and newest == serving and not _address_is_old(found):
        return Observation(Observed.PAUSED) if spec.paused else _endpoint(status)
    if ready.false:
        return progressing("operator-retries", ready.message)
    return progressing("operator-works", ready.message)


def _endpoint(status: Mapping[str, Any]) -> Observation:
    url = str(status["url"])
    host, port = _place(url)
    endpoint = Endpoint("http", "http", host, port, url, url.startswith("https:"))
    return Observation(Observed.READY, endpoints=(endpoint,))


def _address_is_old(found: Mapping[str, Any]) -> bool:
    """Whether its address is still inside when it shall be reached from outside, or the other way
    round: that is a label, so the generation does not tell.
    """
    labels = found["metadata"].get("labels") or {}
    host, _port = _place(str(found["status"]["url"]))
    return (_INSIDE.items() <= labels.items()) != (".svc." in f"{host}.")


def _place(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def credentials(spec: InstanceSpec, live: Live) -> Credentials:
    """The address, and the token that the container knows too."""
    url, token = str(live[ref(spec)]["status"]["url"]), spec.secrets["password"]
    host, port = _place(url)
    return Credentials(
        username="bearer",
        password=token,
        uri=Secret(url),
        host=host,
        port=port,
        env={"SERVICE_URL": Secret(url), _TOKEN: token},
    )
