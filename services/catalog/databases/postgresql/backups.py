"""Backups of PostgreSQL by the barman-cloud plugin 0.14, and instances made from them.

Base backups and write-ahead log go to the region's store, where it has one, into a folder of the
instance; the name under which they lie there bears the major version, because nothing can be
restored across majors. Source: the plugin's documentation, 0.14.
"""

from __future__ import annotations

from datetime import UTC
from decimal import Decimal
from typing import Any

from services.manifests import objects
from services.manifests.objects import manifest
from services.spec import BackupStore, InstanceSpec, Kind, Manifest, Pods, RegionSettings, Restore

SCHEDULED_BACKUP = Kind("postgresql.cnpg.io/v1", "ScheduledBackup")
OBJECT_STORE = Kind("barmancloud.cnpg.io/v1", "ObjectStore")
SIDECAR = Pods("backup", 1, Decimal("0.1"), 512)
PLUGIN = "barman-cloud.cloudnative-pg.io"
_ORIGIN = "origin"
_NIGHTLY = "0 0 2 * * *"  # six fields: seconds first


def stores(spec: InstanceSpec, region: RegionSettings) -> list[Manifest]:
    """Its own, and for a restored one that which its data came from: there nothing is written, and
    without a term of retention nothing goes. Raises: ValueError where backups have no place.
    """
    store, restore = region.backup_store, spec.restore
    if store is None:
        if restore is not None:
            raise ValueError("a restore needs a store of backups")
        return []
    term = {"retentionPolicy": f"{spec.parameters['backup_days']}d"}
    own = _store(spec, store, spec.name, spec.name, **term)
    origin = [_store(spec, store, _origin_name(spec), restore.source)] if restore else []
    return [own, *origin]


def _store(spec: InstanceSpec, store: BackupStore, name: str, folder: str, **term: str) -> Manifest:
    key = {"name": store.secret}
    configuration: dict[str, Any] = {
        "destinationPath": f"s3://{store.bucket}/{spec.namespace}/{folder}/",
        "endpointURL": store.endpoint,
        "s3Credentials": {
            "accessKeyId": {**key, "key": "AWS_ACCESS_KEY_ID"},
            "secretAccessKey": {**key, "key": "AWS_SECRET_ACCESS_KEY"},
            "region": {**key, "key": "AWS_REGION"},
        },
        "wal": {"compression": "gzip", "maxParallel": 4},
        "data": {"compression": "gzip", "jobs": 2},
    }
    # Stores that are not Amazon's refuse the checksums that newer clients send unasked.
    asked = ("AWS_REQUEST_CHECKSUM_CALCULATION", "AWS_RESPONSE_CHECKSUM_VALIDATION")
    sidecar = {
        "resources": objects.resources(SIDECAR.vcpu, SIDECAR.memory_mib),
        "env": [{"name": name, "value": "when_required"} for name in asked],
    }
    body = {**term, "configuration": configuration, "instanceSidecarConfiguration": sidecar}
    return manifest(OBJECT_STORE, name, body)


def archiver(spec: InstanceSpec) -> dict[str, Any]:
    """The plugin, as a Cluster names it for its write-ahead log."""
    name = {"barmanObjectName": spec.name, "serverName": _server_name(spec, spec.name)}
    return {"name": PLUGIN, "isWALArchiver": True, "parameters": name}


def recovery(restore: Restore) -> dict[str, Any]:
    """From which external cluster a Cluster begins, and how far it reads its write-ahead log."""
    if restore.at is None:
        return {"source": _ORIGIN}
    at = restore.at.astimezone(UTC).isoformat()
    return {"source": _ORIGIN, "recoveryTarget": {"targetTime": at}}


def origin(spec: InstanceSpec, restore: Restore) -> dict[str, Any]:
    name = _server_name(spec, restore.source)
    parameters = {"barmanObjectName": _origin_name(spec), "serverName": name}
    return {"name": _ORIGIN, "plugin": {"name": PLUGIN, "parameters": parameters}}


def nightly(spec: InstanceSpec) -> Manifest:
    return manifest(
        SCHEDULED_BACKUP,
        spec.name,
        {
            "schedule": _NIGHTLY,
            "immediate": True,
            "suspend": spec.paused,
            "backupOwnerReference": "self",
            "cluster": {"name": spec.name},
            "method": "plugin",
            "target": "prefer-standby",
            "pluginConfiguration": {"name": PLUGIN},
        },
    )


def _origin_name(spec: InstanceSpec) -> str:
    return f"{spec.name}-{_ORIGIN}"


def _server_name(spec: InstanceSpec, instance: str) -> str:
    """Under which the backups of an instance lie."""
    return f"{instance}-{spec.version}"
