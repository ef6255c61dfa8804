"""Buckets on Kubernetes: claims that Rook 1.20 fulfils from the region's Ceph object store.

Each bucket is a claim with a user, a key pair and a quota of its own; Rook makes the key pair and
never another one, so it cannot be changed. The servers are the region's, not the tenant's: there
are no pods. Rook says nothing about a changed quota, so what it shows is the bucket alone.
Source: Rook's documentation of bucket claims and its definitions, 1.20.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.manifests import conditions, objects
from services.manifests.conditions import progressing
from services.manifests.objects import manifest
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

CLAIM = Kind("objectbucket.io/v1alpha1", "ObjectBucketClaim")

KINDS = (CLAIM,)
VERSIONS = ("4",)
NEEDS: frozenset[str] = frozenset()
CAPABILITIES = frozenset({Capability.RESIZE})
BIN: Bin = "none"  # a key can be neither locked nor changed, and the store is not in the namespace
TELLS_GENERATION = True

# The class of buckets that every region's staff make, beside those of its disks.
_CLASS = "polder-buckets"
_LAKE = ("raw", "processed", "curated")
_NAME_MOST = 26  # Rook puts 37 characters behind a name, and a bucket's has 63
_REGION = "us-east-1"  # S3 clients need one to sign; a store that names none takes any


def pods(spec: InstanceSpec, region: RegionSettings) -> tuple[Pods, ...]:
    return ()


def manifests(spec: InstanceSpec, region: RegionSettings) -> list[Manifest]:
    return [_claim(spec, zone) for zone in _zones(spec)]


def selectors(spec: InstanceSpec) -> tuple[Mapping[str, str], ...]:
    return ()


def watched(spec: InstanceSpec) -> tuple[Ref, ...]:
    """The claims, and the place of the store."""
    claims = (Ref(CLAIM, _name(spec, zone)) for zone in _zones(spec))
    return (*claims, Ref(objects.CONFIG_MAP, spec.name))


def revealed(spec: InstanceSpec) -> tuple[Ref, ...]:
    """What Rook makes for each claim, under the claim's name."""
    names = [_name(spec, zone) for zone in _zones(spec)]
    kinds = (objects.SECRET, objects.CONFIG_MAP)
    return tuple(Ref(kind, name) for name in names for kind in kinds)


def leftovers(spec: InstanceSpec) -> tuple[Leftovers, ...]:
    return ()


# -- what is made ---------------------------------------------------------------------------------


def _zones(spec: InstanceSpec) -> tuple[str, ...]:
    """The first bucket has no zone."""
    return ("", *_LAKE) if spec.parameters["layout"] == "lake" else ("",)


def _name(spec: InstanceSpec, zone: str) -> str:
    return f"{spec.name}-{zone}" if zone else spec.name


def _claim(spec: InstanceSpec, zone: str) -> Manifest:
    """The store is shared, so Rook puts something unique behind the name that was asked for. The
    buckets of a lake have equal shares of the plan's storage.
    """
    bucket, end = spec.parameters["bucket"], f"-{zone}" if zone else ""
    share_mib = spec.plan.storage_gib * 1024 // len(_zones(spec))
    body = {
        "storageClassName": _CLASS,
        "generateBucketName": f"{bucket[: _NAME_MOST - len(end)]}{end}",
        "additionalConfig": {"maxSize": f"{share_mib}Mi"},
    }
    return manifest(CLAIM, _name(spec, zone), body)


# -- what is seen ---------------------------------------------------------------------------------


def observe(spec: InstanceSpec, region: RegionSettings, live: Live) -> Observation:
    names = [_name(spec, zone) for zone in _zones(spec)]
    if Ref(CLAIM, spec.name) not in live:
        return Observation(Observed.ABSENT)
    phases = {name: conditions.status(live, Ref(CLAIM, name)).get("phase", "") for name in names}
    for name, phase in phases.items():
        if phase in ("Released", "Failed"):
            return conditions.failed(f"{name}: {phase}")
    where = live.get(Ref(objects.CONFIG_MAP, spec.name))
    waiting = [f"{name}: {phase or 'Pending'}" for name, phase in phases.items()]
    if where is None or set(phases.values()) != {"Bound"}:
        return progressing("operator-works", ", ".join(waiting))
    return Observation(Observed.READY, endpoints=(_endpoint(where["data"]),))


def _endpoint(said: Mapping[str, str]) -> Endpoint:
    """As the region's store names itself."""
    host, port = said["BUCKET_HOST"], int(said["BUCKET_PORT"])
    tls = port != 80
    uri = f"{'https' if tls else 'http'}://{host}:{port}"
    return Endpoint("s3", "s3", host, port, uri, tls)


def credentials(spec: InstanceSpec, region: RegionSettings, live: Live) -> Credentials:
    """Of the first bucket; those of a lake's other buckets stand beside it in `env`."""
    said = live[Ref(objects.CONFIG_MAP, spec.name)]["data"]
    endpoint = _endpoint(said)
    key, secret = _pair(live, spec.name)
    env: dict[str, Any] = {
        "AWS_ENDPOINT_URL_S3": endpoint.uri,
        "AWS_ACCESS_KEY_ID": key,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_DEFAULT_REGION": said.get("BUCKET_REGION") or _REGION,
        "S3_BUCKET": said["BUCKET_NAME"],
    }
    for zone in _zones(spec)[1:]:
        name, end = _name(spec, zone), zone.upper()
        env[f"AWS_ACCESS_KEY_ID_{end}"], env[f"AWS_SECRET_ACCESS_KEY_{end}"] = _pair(live, name)
        env[f"S3_BUCKET_{end}"] = live[Ref(objects.CONFIG_MAP, name)]["data"]["BUCKET_NAME"]
    return Credentials(
        username=key,
        password=secret,
        uri=Secret(endpoint.uri),
        host=endpoint.host,
        port=endpoint.port,
        database=said["BUCKET_NAME"],
        env={name: Secret(value) for name, value in env.items()},
    )


def _pair(live: Live, name: str) -> tuple[Secret, Secret]:
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    key, secret = (conditions.secret_value(live, Ref(objects.SECRET, name), n) for n in names)
    return key, secret
