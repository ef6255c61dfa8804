"""The rig itself: a PostgreSQL as we would order one becomes healthy under the real operator."""

from __future__ import annotations

import json
import subprocess
import time
from typing import Any

import pytest

from tests.kubernetes.cloudnative_pg import CATALOG, CloudNativePG
from tests.kubernetes.test_cluster import until

PLUGIN = "barman-cloud.cloudnative-pg.io"
LABELS = {"cnpg.io/cluster": "orders", "cnpg.io/podRole": "instance"}


def secret(name: str, **data: str) -> dict[str, Any]:
    kind = "kubernetes.io/basic-auth" if "username" in data else "Opaque"
    metadata = {"name": name, "labels": {"cnpg.io/reload": "true"}}
    held = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata}
    return {**held, "type": kind, "stringData": data}


def store() -> dict[str, Any]:
    keys = ("accessKeyId", "secretAccessKey")
    configuration = {
        "destinationPath": "s3://backups/orders/",
        "endpointURL": "https://s3.example.eu",
        "s3Credentials": {key: {"name": "orders-s3", "key": key} for key in keys},
    }
    return {
        "apiVersion": "barmancloud.cnpg.io/v1",
        "kind": "ObjectStore",
        "metadata": {"name": "orders"},
        "spec": {"retentionPolicy": "14d", "configuration": configuration},
    }


def postgresql() -> dict[str, Any]:
    """Three instances in three zones, backups through the plugin, a public address."""
    archiver = {"barmanObjectName": "orders", "serverName": "orders-1"}
    spread = {
        "maxSkew": 1,
        "topologyKey": "topology.kubernetes.io/zone",
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": LABELS},
    }
    public = {"metadata": {"name": "orders-public"}, "spec": {"type": "LoadBalancer"}}
    return {
        "apiVersion": "postgresql.cnpg.io/v1",
        "kind": "Cluster",
        "metadata": {"name": "orders", "annotations": {"cnpg.io/hibernation": "off"}},
        "spec": {
            "instances": 3,
            "imageCatalogRef": {
                "apiGroup": "postgresql.cnpg.io",
                "kind": "ClusterImageCatalog",
                "name": CATALOG,
                "major": 16,
            },
            "bootstrap": {
                "initdb": {"database": "orders", "owner": "orders", "secret": {"name": "owner"}}
            },
            "storage": {"storageClass": "ssd", "size": "50Gi"},
            "walStorage": {"storageClass": "ssd", "size": "10Gi"},
            "resources": {"requests": {"cpu": "2", "memory": "8Gi"}},
            "topologySpreadConstraints": [spread],
            "postgresql": {
                "parameters": {"shared_buffers": "2GB"},
                "synchronous": {"method": "any", "number": 1, "dataDurability": "preferred"},
            },
            "plugins": [{"name": PLUGIN, "isWALArchiver": True, "parameters": archiver}],
            "managed": {
                "services": {"additional": [{"selectorType": "rw", "serviceTemplate": public}]}
            },
        },
    }


def apply(cnpg: CloudNativePG, namespace: str, *objects: dict[str, Any]) -> None:
    listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    command = ("apply", "--server-side", "--field-manager=polder", "--validate=strict", "-f", "-")
    cnpg.cluster.kubectl("-n", namespace, *command, text=listed)


def test_an_order_becomes_healthy(cnpg: CloudNativePG, namespace: str, record_property) -> None:
    def read(*words: str) -> Any:
        return cnpg.cluster.read("-n", namespace, *words)

    def phase() -> str:
        return str(read("cluster.postgresql.cnpg.io", "orders").get("status", {}).get("phase"))

    owner = secret("owner", username="orders", password="made-up")
    keys = secret("orders-s3", accessKeyId="made-up", secretAccessKey="made-up")
    began = time.monotonic()
    apply(cnpg, namespace, store(), owner, keys, postgresql())
    until(lambda: phase() == "Cluster in healthy state")
    record_property("seconds to healthy", round(time.monotonic() - began, 1))

    pods = read("pods", "-l", "cnpg.io/cluster=orders,cnpg.io/podRole=instance")["items"]
    assert len({pod["spec"]["nodeName"] for pod in pods}) == 3
    sidecars = {one["name"] for pod in pods for one in pod["spec"]["initContainers"]}
    assert "plugin-barman-cloud" in sidecars
    claims = {claim["status"]["phase"] for claim in read("pvc")["items"]}
    assert claims == {"Bound"}
    services = {service["metadata"]["name"] for service in read("services")["items"]}
    assert services == {"orders-rw", "orders-ro", "orders-r", "orders-public"}


def test_its_own_rules_hold(cnpg: CloudNativePG, namespace: str) -> None:
    """Which only its webhook knows."""
    wrong = postgresql()
    wrong["spec"]["postgresql"]["parameters"]["shared_buffers"] = "20GB"
    with pytest.raises(subprocess.CalledProcessError) as refused:
        apply(cnpg, namespace, wrong)
    assert "shared_buffers" in refused.value.stderr


def test_nothing_is_taken_while_it_is_down(cnpg: CloudNativePG, namespace: str) -> None:
    cnpg.stop()
    with pytest.raises(subprocess.CalledProcessError) as refused:
        apply(cnpg, namespace, postgresql())
    cnpg.start()
    assert "InternalError" in refused.value.stderr
    apply(cnpg, namespace, postgresql())
