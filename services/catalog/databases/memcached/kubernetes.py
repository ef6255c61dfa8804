"""Memcached on Kubernetes, without an operator: a cache has nothing to operate.

A plan of several nodes is as many caches that know nothing of each other; clients choose one by
hashing the key, so that each node has a name that lasts. The server reads password and certificate
at its start only: a new password restarts the pods, and so does a renewed certificate, which each
pod notices by itself. Source: Memcached 1.6 manual page and doc/tls.txt; notes of the image.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from services.manifests import conditions, objects, plain
from services.spec import (
    Bin,
    Capability,
    Credentials,
    Endpoint,
    InstanceSpec,
    Kind,
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

KINDS: tuple[Kind, ...] = ()
NEEDS = frozenset({"issuer"})
CAPABILITIES = frozenset({Capability.PAUSE, Capability.RESIZE, Capability.ROTATE})
BIN: Bin = "stopped"
TELLS_GENERATION = True
USER, PORT = "app", 11211

_IMAGES = {"1.6": "docker.io/library/memcached:1.6.39-alpine"}
VERSIONS = tuple(_IMAGES)
_IMAGE_USER = 11211
_USABLE_SHARE = 4 / 5  # of the plan's memory; the rest is for connections and the hash table
_OWN_FILES, _THREAD_FILES = 9, 4  # the limit of connections is also that of files
_TLS, _LOGIN, _SEEN = "/tls", "/login", "/seen"


def pods(spec: InstanceSpec, region: RegionSettings) -> tuple[Pods, ...]:
    return (Pods("server", spec.plan.nodes, spec.plan.vcpu, spec.plan.memory_mib),)


def manifests(spec: InstanceSpec, region: RegionSettings) -> list[Manifest]:
    users = f"{USER}:{spec.secrets['password']}\n"
    names = (spec.name, f"*.{spec.name}")
    return [
        objects.secret(_login_name(spec), {"users": users}),
        objects.certificate(spec, region, names, secret=_tls_name(spec)),
        *plain.manifests(spec, region, _server(spec)),
    ]


def selectors(spec: InstanceSpec) -> tuple[Mapping[str, str], ...]:
    return (plain.selector(spec),)


def watched(spec: InstanceSpec) -> tuple[Ref, ...]:
    return plain.watched(spec)


def observe(spec: InstanceSpec, region: RegionSettings, live: Live) -> Observation:
    seen = plain.observe(spec, live)
    if seen.observed not in (Observed.READY, Observed.DEGRADED):
        return seen
    named = {"client": objects.host(spec, spec.name)}
    if spec.plan.nodes > 1:
        named |= {f"node{n}": host for n, host in enumerate(_nodes(spec))}
    return replace(
        seen,
        endpoints=tuple(
            Endpoint(name, "memcached", host, PORT, f"memcacheds://{host}:{PORT}", True)
            for name, host in named.items()
        ),
    )


def revealed(spec: InstanceSpec) -> tuple[Ref, ...]:
    return (Ref(objects.SECRET, _tls_name(spec)),)


def credentials(spec: InstanceSpec, region: RegionSettings, live: Live) -> Credentials:
    """Servers are named one by one: what a client hashes over."""
    host, password = objects.host(spec, spec.name), spec.secrets["password"]
    authority = conditions.authority(live, Ref(objects.SECRET, _tls_name(spec)))
    servers = _nodes(spec) if spec.plan.nodes > 1 else [host]
    return Credentials(
        username=USER,
        password=password,
        uri=Secret(f"memcacheds://{USER}:{password}@{host}:{PORT}"),
        host=host,
        port=PORT,
        ca_certificate=authority,
        env={
            "MEMCACHED_SERVERS": Secret(",".join(f"{server}:{PORT}" for server in servers)),
            "MEMCACHED_USERNAME": Secret(USER),
            "MEMCACHED_PASSWORD": password,
        },
    )


def leftovers(spec: InstanceSpec) -> tuple[Leftovers, ...]:
    return ()


def _server(spec: InstanceSpec) -> plain.Server:
    start = f'cp {_TLS}/tls.crt {_SEEN}/ && exec memcached "$@"'
    same = ["cmp", "-s", f"{_TLS}/tls.crt", f"{_SEEN}/tls.crt"]
    return plain.Server(
        image=_IMAGES[spec.version],
        ports={"memcached": PORT},
        user=_IMAGE_USER,
        command=["/bin/sh", "-c", start, "memcached"],
        args=_options(spec),
        secrets={_TLS: _tls_name(spec), _LOGIN: _login_name(spec)},
        scratch=[_SEEN],
        ready={"tcpSocket": {"port": "memcached"}, "periodSeconds": 5},
        # Fails once the certificate is another than the one it started with.
        alive={"exec": {"command": same}, "initialDelaySeconds": 15, "periodSeconds": 60},
        restart_on=[spec.secrets["password"]],
    )


def _options(spec: InstanceSpec) -> list[str]:
    wanted, threads = spec.parameters, max(1, int(spec.plan.vcpu))
    refuse = ["--disable-evictions"] if wanted["when_full"] == "refuse" else []
    return [
        f"--port={PORT}",
        "--udp-port=0",
        f"--memory-limit={int(spec.plan.memory_mib * _USABLE_SHARE)}",
        f"--conn-limit={wanted['max_connections'] + _OWN_FILES + _THREAD_FILES * threads}",
        f"--max-item-size={wanted['max_item_mib']}m",
        f"--threads={threads}",
        f"--auth-file={_LOGIN}/users",
        "--disable-dumping",
        *refuse,
        "--enable-ssl",
        f"--extended=ssl_chain_cert={_TLS}/tls.crt,ssl_key={_TLS}/tls.key",
    ]


def _nodes(spec: InstanceSpec) -> list[str]:
    return [plain.pod_host(spec, pod) for pod in plain.pod_names(spec)]


def _login_name(spec: InstanceSpec) -> str:
    return f"{spec.name}-login"


def _tls_name(spec: InstanceSpec) -> str:
    return f"{spec.name}-tls"
