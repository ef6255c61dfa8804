"""Strimzi 1.2: Kafka with its node pools, and KafkaUser. Facts from its API and recorded statuses.

Its pods belong to StrimziPodSets, which its operator plays too; here a StatefulSet of the same pods
stands behind each.
"""

from __future__ import annotations

from collections.abc import Iterable

from tests.kubernetes.api import Api, place
from tests.kubernetes.operators.double import Object, Play, Seen, conditions, owner
from tests.kubernetes.operators.shapes import claim, secret, service, stateful_set

_API, _CLUSTER = "kafka.strimzi.io/v1", "strimzi.io/cluster"
_PODS = ("core.strimzi.io/v1", "strimzipodsets")


def _told(seen: Seen) -> dict[str, tuple[str, str, str]]:
    """`NotReady` and `Ready` take each other's place."""
    if seen.trouble:
        return {"NotReady": ("True", *seen.trouble)}
    if seen.settled:
        return {"Ready": ("True", "Ready", "")}
    return {"NotReady": ("True", "Creating", "Kafka cluster is being deployed")}


class Kafkas(Play):
    api, plural = _API, "kafkas"

    def children(self, one: Object) -> Iterable[Object]:
        name = one["metadata"]["name"]
        yield secret(f"{name}-cluster-ca-cert", **{"ca.crt": "-----BEGIN CERTIFICATE-----"})
        yield service(f"{name}-kafka-bootstrap", {"tcp-client": 9093}, f"{name}-kafka")

    def status(self, one: Object, seen: Seen) -> Object:
        version = one["spec"]["kafka"]["version"]
        more = {"kafkaVersion": version} if seen.settled else {}
        return {"conditions": conditions({}, **_told(seen)), **more}


class NodePools(Play):
    api, plural = _API, "kafkanodepools"

    def __init__(self, api: Api) -> None:
        self._api = api

    def children(self, one: Object) -> Iterable[Object]:
        cluster, spec = one["metadata"]["labels"][_CLUSTER], one["spec"]
        (disk,) = spec["storage"]["volumes"]
        made = stateful_set(
            f"{cluster}-{one['metadata']['name']}",
            spec["replicas"],
            "quay.io/strimzi/kafka:1.2.0-kafka-4.2.1",
            resources=spec["resources"],
            claims={"data-0": claim(disk["size"], disk.get("class"))},
        )
        (template,) = made["spec"]["volumeClaimTemplates"]
        template["metadata"]["labels"] = {_CLUSTER: cluster}
        yield made

    def status(self, one: Object, seen: Seen) -> Object:
        self._count(one, seen)
        return {"nodeIds": list(range(one["spec"]["replicas"]))}

    def _count(self, one: Object, seen: Seen) -> None:
        """Into the status of its set of pods."""
        named = one["metadata"]
        name = f"{named['labels'][_CLUSTER]}-{named['name']}"
        path = place(*_PODS, named["namespace"], name)
        counted = {"pods": seen.wanted, "readyPods": seen.ready, "currentPods": seen.wanted}
        found = self._api.get(path)
        if not found:
            self._api.post(place(*_PODS, named["namespace"]), _set(one, name))
        elif found.get("status") != counted:
            self._api.merge(f"{path}/status", {"status": counted})


def _set(pool: Object, name: str) -> Object:
    metadata = {"name": name, "ownerReferences": [owner(pool)]}
    return {
        "apiVersion": _PODS[0],
        "kind": "StrimziPodSet",
        "metadata": {**metadata, "labels": pool["metadata"]["labels"]},
        "spec": {"selector": {"matchLabels": {_CLUSTER: name}}, "pods": []},
    }


class Users(Play):
    """The password is taken from the Secret that it names, and written into one of its own."""

    api, plural = _API, "kafkausers"

    def __init__(self, api: Api) -> None:
        self._api = api

    def children(self, one: Object) -> Iterable[Object]:
        yield secret(one["metadata"]["name"], password="")

    def status(self, one: Object, seen: Seen) -> Object:
        name, namespace = one["metadata"]["name"], one["metadata"]["namespace"]
        named = one["spec"]["authentication"]["password"]["valueFrom"]["secretKeyRef"]
        given = self._api.get(place("v1", "secrets", namespace, named["name"]))
        told, own = (
            {"password": given["data"][named["key"]]},
            place("v1", "secrets", namespace, name),
        )
        if self._api.get(own)["data"] != told:
            self._api.merge(own, {"data": told})
        return {"username": name, "secret": name, "conditions": conditions({}, **_told(seen))}
