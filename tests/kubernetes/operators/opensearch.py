"""opensearch-operator 3: OpenSearchCluster, and the kinds that are REST calls to it. It writes
neither conditions nor observedGeneration; names, labels and words are those of its code.
"""

from __future__ import annotations

from collections.abc import Iterable

from tests.kubernetes.api import Api, place
from tests.kubernetes.operators.double import Object, Play, Seen
from tests.kubernetes.operators.shapes import claim, deployment, secret, service, stateful_set

_API = "opensearch.org/v1"
_IMAGE = "docker.io/opensearchproject/opensearch"


class Clusters(Play):
    api, plural = _API, "opensearchclusters"
    finalizer = "Opster"
    observes = False

    def children(self, one: Object) -> Iterable[Object]:
        name, general = one["metadata"]["name"], one["spec"]["general"]
        certificate = {"ca.crt": "-----BEGIN CERTIFICATE-----", "tls.crt": "-", "tls.key": "-"}
        for kind in ("http", "transport", "admin", "dashboards"):
            yield secret(f"{name}-{kind}-cert", **certificate)
        yield secret(f"{name}-ca", **{"ca.crt": certificate["ca.crt"], "ca.key": "-"})
        yield secret(f"{name}-admin-password", username="admin", password="as-given")
        for pool in one["spec"]["nodePools"]:
            yield _nodes(one, pool)
            yield service(f"{name}-{pool['component']}", {"http": 9200}, name, headless=True)
        yield service(general["serviceName"], {"http": general["httpPort"]}, name)
        yield service(f"{name}-discovery", {"transport": 9300}, name, headless=True)
        pages = one["spec"]["dashboards"]
        yield deployment(
            f"{name}-dashboards", pages["replicas"], f"{_IMAGE}-dashboards:{pages['version']}"
        )
        yield service(f"{name}-dashboards", {"http": 5601}, f"{name}-dashboards")

    def status(self, one: Object, seen: Seen) -> Object:
        """RUNNING long before anything runs. What it cannot do stands in events alone."""
        said, asked = one.get("status", {}), one["spec"]["general"]["version"]
        if not said:
            return {"phase": "PENDING", "componentsStatus": [], "health": "unknown"}
        known = said.get("version", asked)
        told: Object = {"phase": "RUNNING", "componentsStatus": [], "version": known}
        if seen.trouble:
            return said
        if seen.settled:
            nodes = sum(pool["replicas"] for pool in one["spec"]["nodePools"])
            whole = {"health": "green", "availableNodes": nodes, "initialized": True}
            return {**told, **whole, "version": asked}
        if not said.get("initialized"):
            return {**told, "health": "unknown"}
        told |= {"health": "yellow", "availableNodes": seen.ready}
        if known == asked:
            return told
        pools = [pool["component"] for pool in one["spec"]["nodePools"]]
        rows = [_row("__upgrade_target__", asked), *(_row(pool, "Upgrading") for pool in pools)]
        return {**told, "phase": "UPGRADING", "componentsStatus": rows}


def _row(what: str, status: str) -> Object:
    return {"component": "Upgrader", "description": what, "status": status}


def _nodes(one: Object, pool: Object) -> Object:
    name, component = one["metadata"]["name"], pool["component"]
    made = stateful_set(
        f"{name}-{component}",
        pool["replicas"],
        f"{_IMAGE}:{one['spec']['general']['version']}",
        service=one["spec"]["general"]["serviceName"],
        resources=pool["resources"],
        claims={"data": claim(pool["diskSize"], pool["persistence"]["pvc"].get("storageClass"))},
        marks=pool["annotations"],
    )
    cluster, nodepool = "opensearch.org/opensearch-cluster", "opensearch.org/opensearch-nodepool"
    labels = {cluster: name, nodepool: component}
    made["spec"]["selector"] = {"matchLabels": labels}
    made["spec"]["template"]["metadata"]["labels"] = {**pool.get("labels", {}), **labels}
    return made


class _InCluster(Play):
    """Of one cluster for good: not of another that has its name. Leaves once the cluster has let it
    go, which it must answer for.
    """

    api = _API
    finalizer = "opensearch.org/opensearch-data"
    observes = False
    word = ""

    def __init__(self, api: Api) -> None:
        self._api = api

    def _cluster(self, one: Object) -> Object:
        named = one["metadata"]["namespace"], one["spec"]["opensearchCluster"]["name"]
        return self._api.get(place(_API, Clusters.plural, *named))

    def status(self, one: Object, seen: Seen) -> Object:
        cluster = self._cluster(one)
        if not cluster:
            return _waits("waiting for opensearch cluster to exist")
        uid, status = cluster["metadata"]["uid"], cluster.get("status", {})
        if one.get("status", {}).get("managedCluster", uid) != uid:
            return _refused(f"cannot change the cluster a {self.word} refers to")
        mine = {"managedCluster": uid}
        if status.get("phase") != "RUNNING":
            return {**mine, **_waits("waiting for opensearch cluster status to be running")}
        if not status.get("initialized"):
            return {**mine, **_refused(f"failed to get {self.word} status from Opensearch API")}
        if seen.trouble:
            return {**mine, **_refused(seen.trouble[1])}
        return {**mine, "state": "CREATED", "reason": ""}

    def leaves(self, api: Api, one: Object) -> bool:
        cluster = self._cluster(one)
        if not cluster or cluster["metadata"].get("deletionTimestamp"):
            return True
        return bool(cluster.get("status", {}).get("availableNodes"))


def _waits(reason: str) -> Object:
    return {"state": "PENDING", "reason": reason}


def _refused(reason: str) -> Object:
    return {"state": "ERROR", "reason": reason}


class Users(_InCluster):
    plural, word = "opensearchusers", "user"


class Roles(_InCluster):
    plural, word = "opensearchroles", "role"


class Bindings(_InCluster):
    plural, word = "opensearchuserrolebindings", "userrolebinding"


class Policies(_InCluster):
    plural, word = "opensearchsnapshotpolicies", "resource"
