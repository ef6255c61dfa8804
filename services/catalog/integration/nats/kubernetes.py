"""NATS on Kubernetes: the project's own chart 2.14, which Flux installs.

The password reaches the server by an environment variable that its configuration names, so that it
stands in a Secret alone; a new one restarts the pods, one after another. A disk's size stands in a
claim that is made before the chart makes its StatefulSet, which takes what it finds: its own
template could never grow. Streams belong to their clients, as they do elsewhere. Source: values of
the chart 2.14.2; NATS 2.14 documentation (configuration, JetStream, MQTT).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from services.manifests import conditions, flux, objects, plain
from services.spec import (
    Bin,
    Capability,
    Credentials,
    Endpoint,
    InstanceSpec,
    Leftovers,
    Live,
    Manifest,
    Observation,
    Observed,
    Pods,
    Ref,
    RegionSettings,
    Secret,
)

KINDS = flux.KINDS
NEEDS = frozenset({"issuer"})
CAPABILITIES = frozenset({Capability.PAUSE, Capability.RESIZE, Capability.ROTATE})
BIN: Bin = "stopped"
TELLS_GENERATION = True
USER, PORT, MQTT_PORT = "app", 4222, 1883

_CHARTS = {"2": flux.Chart("https://nats-io.github.io/k8s/helm/charts/", "nats", "2.14.2")}
VERSIONS = tuple(_CHARTS)
_STREAM_MEMORY_SHARE = 1 / 4  # of the plan's memory, for streams that are kept in memory
_HEAP_SHARE = 3 / 4  # above it the runtime frees more eagerly
_DISK_SHARE = 0.9  # of the plan's storage; the rest is for indexes and for compaction
_RELOADER = Pods("reloader", 1, Decimal("0.05"), 64)
_EXPORTER = Pods("exporter", 1, Decimal("0.05"), 64)


def pods(spec: InstanceSpec, region: RegionSettings) -> tuple[Pods, ...]:
    plan = spec.plan
    vcpu = plan.vcpu + _RELOADER.vcpu + _EXPORTER.vcpu
    memory = plan.memory_mib + _RELOADER.memory_mib + _EXPORTER.memory_mib
    return (Pods("server", plan.nodes, vcpu, memory, plan.storage_gib),)


def manifests(spec: InstanceSpec, region: RegionSettings) -> list[Manifest]:
    # In quotes: the server reads the variable as a word of its configuration.
    login = {"password": f'"{spec.secrets["password"]}"'}
    names = (spec.name, f"{spec.name}-headless", f"*.{spec.name}-headless")
    named = {"nats": PORT, "mqtt": MQTT_PORT}
    return [
        objects.secret(_login_name(spec), login),
        objects.certificate(spec, region, names, secret=_tls_name(spec)),
        *plain.disks(spec, region, _disk(spec)),
        *flux.release(spec, _CHARTS[spec.version], _values(spec)),
        *objects.public_service(spec, region, selectors(spec)[0], named),
        objects.pod_monitor(spec, selectors(spec)[0], "prom-metrics"),
    ]


def selectors(spec: InstanceSpec) -> tuple[Mapping[str, str], ...]:
    return ({"app.kubernetes.io/name": "nats", **plain.selector(spec)},)


def watched(spec: InstanceSpec) -> tuple[Ref, ...]:
    return (flux.watched(spec), *plain.watched(spec, _disk(spec)))


def revealed(spec: InstanceSpec) -> tuple[Ref, ...]:
    return (Ref(objects.SECRET, _tls_name(spec)),)


def leftovers(spec: InstanceSpec) -> tuple[Leftovers, ...]:
    return plain.leftovers(spec)


def observe(spec: InstanceSpec, region: RegionSettings, live: Live) -> Observation:
    """The release first: a change reaches the pods through it."""
    release = flux.observe(spec, live)
    if release.observed != Observed.READY:
        return release
    seen = plain.observe(spec, live, _disk(spec))
    if seen.observed == Observed.ABSENT:
        return conditions.progressing("operator-works")
    if seen.observed not in (Observed.READY, Observed.DEGRADED):
        return seen
    hosts = {"": objects.host(spec, spec.name)}
    if objects.is_public(spec, region):
        hosts["public-"] = objects.public_host(spec, region)
    ports = {"client": ("nats", "tls", PORT), "mqtt": ("mqtt", "mqtts", MQTT_PORT)}
    return replace(
        seen,
        endpoints=tuple(
            Endpoint(f"{at}{name}", kind, host, port, f"{scheme}://{USER}@{host}:{port}", tls=True)
            for at, host in hosts.items()
            for name, (kind, scheme, port) in ports.items()
        ),
    )


def credentials(spec: InstanceSpec, region: RegionSettings, live: Live) -> Credentials:
    """Of the certificate's Secret the authority alone: the server's key lies beside it."""
    public = objects.is_public(spec, region)
    host = objects.public_host(spec, region) if public else objects.host(spec, spec.name)
    password = spec.secrets["password"]
    return Credentials(
        username=USER,
        password=password,
        uri=Secret(f"tls://{USER}:{password}@{host}:{PORT}"),
        host=host,
        port=PORT,
        ca_certificate=conditions.authority(live, *revealed(spec)),
        env={
            "NATS_URL": Secret(f"tls://{host}:{PORT}"),
            "NATS_USER": Secret(USER),
            "NATS_PASSWORD": password,
            "MQTT_URL": Secret(f"mqtts://{USER}:{password}@{host}:{MQTT_PORT}"),
        },
    )


def _values(spec: InstanceSpec) -> dict[str, Any]:
    ours = {objects.RESTART: objects.digest([spec.secrets["password"]])}
    pod: dict[str, Any] = {
        "merge": {"metadata": {"annotations": ours, "labels": dict(spec.labels)}}
    }
    if spec.plan.nodes > 1:
        zones, hosts = objects.spread(selectors(spec)[0])
        pod["merge"]["spec"] = {"topologySpreadConstraints": [zones, hosts]}
    replicas = 0 if spec.paused else spec.plan.nodes
    return {
        "fullnameOverride": spec.name,
        "config": _config(spec),
        "tlsCA": {"enabled": True, "secretName": _tls_name(spec)},
        "container": _container(spec),
        "reloader": {"merge": _amount(_RELOADER.vcpu, _RELOADER.memory_mib)},
        "promExporter": {"enabled": True, "merge": _amount(_EXPORTER.vcpu, _EXPORTER.memory_mib)},
        "podTemplate": pod,
        "podDisruptionBudget": {"enabled": True},
        "statefulSet": {"merge": {"spec": {"replicas": replicas}}},
        "natsBox": {"enabled": False},
    }


def _amount(vcpu: Decimal, memory_mib: int) -> dict[str, Any]:
    return {"resources": objects.resources(vcpu, memory_mib)}


def _config(spec: InstanceSpec) -> dict[str, Any]:
    plan, wanted = spec.plan, spec.parameters
    tls = {"tls": {"enabled": True, "secretName": _tls_name(spec)}}
    # The claim is there already; the size here is one that never changes, as it must not.
    disk = {"enabled": True, "size": "1Gi"}
    memory = int(plan.memory_mib * _STREAM_MEMORY_SHARE)
    user = {"user": USER, "password": "<< $NATS_PASSWORD >>"}
    # The certificate holds full names only.
    nodes = {"replicas": plan.nodes, "routeURLs": {"useFQDN": True}, **tls}
    cluster = {"enabled": True, **nodes} if plan.ha else {"enabled": False}
    return {
        "cluster": cluster,
        "nats": dict(tls),
        "mqtt": {"enabled": True, **tls},
        "jetstream": {
            "enabled": True,
            "fileStore": {
                "enabled": True,
                "maxSize": f"{int(plan.storage_gib * 1024 * _DISK_SHARE)}Mi",
                "pvc": disk,
            },
            "memoryStore": {"enabled": True, "maxSize": f"{memory}Mi"},
        },
        "merge": {
            "max_connections": wanted["max_connections"],
            "max_payload": wanted["max_payload_kib"] * 1024,
            "max_subscriptions": wanted["max_subscriptions"],
            "accounts": {"APP": {"jetstream": "enabled", "users": [user]}},
        },
    }


def _container(spec: InstanceSpec) -> dict[str, Any]:
    password = {"secretKeyRef": {"name": _login_name(spec), "key": "password"}}
    heap = f"{int(spec.plan.memory_mib * _HEAP_SHARE)}MiB"
    return {
        "env": {"NATS_PASSWORD": {"valueFrom": password}, "GOMEMLIMIT": heap},
        "merge": _amount(spec.plan.vcpu, spec.plan.memory_mib),
    }


def _disk(spec: InstanceSpec) -> str:
    """The chart's name for its template of claims."""
    return f"{spec.name}-js"


def _login_name(spec: InstanceSpec) -> str:
    return f"{spec.name}-login"


def _tls_name(spec: InstanceSpec) -> str:
    return f"{spec.name}-tls"
