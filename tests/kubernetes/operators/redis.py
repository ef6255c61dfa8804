"""OT's redis-operator 0.26: RedisReplication, RedisSentinel, RedisCluster. It writes no conditions
and no observedGeneration; names of objects, labels and annotations are those of its code.
"""

from __future__ import annotations

from collections.abc import Iterable

from tests.kubernetes.operators.double import Object, Play, Seen
from tests.kubernetes.operators.shapes import service, stateful_set


def _servers(one: Object, name: str, replicas: int) -> Object:
    """Annotations of the object go to its pods, but for those it shall ignore."""
    named, spec = one["metadata"], one["spec"]
    known = spec["kubernetesConfig"]
    ignored = known.get("ignoreAnnotations", [])
    marks = {k: v for k, v in named.get("annotations", {}).items() if k not in ignored}
    disk = spec.get("storage", {}).get("volumeClaimTemplate", {}).get("spec")
    made = stateful_set(
        name,
        replicas,
        known["image"],
        service=f"{name}-headless",
        resources=known.get("resources"),
        claims={name: disk} if disk else {},
        marks=marks,
    )
    labels = {"app": name, "redis_setup_type": "replication"}
    made["metadata"]["labels"] = labels
    made["spec"]["selector"] = {"matchLabels": labels}
    made["spec"]["template"]["metadata"]["labels"] = labels
    for claim in made["spec"]["volumeClaimTemplates"]:
        claim["metadata"]["labels"] = labels
    return made


class _Redis(Play):
    api = "redis.redis.opstreelabs.in/v1beta2"
    observes = False


class Replications(_Redis):
    plural = "redisreplications"
    finalizer = "redisReplicationFinalizer"

    def children(self, one: Object) -> Iterable[Object]:
        name = one["metadata"]["name"]
        yield _servers(one, name, one["spec"]["clusterSize"])
        for more in ("", "-headless", "-master", "-replica", "-additional"):
            yield service(name + more, {"redis-client": 6379}, name, headless=more == "-headless")

    def status(self, one: Object, seen: Seen) -> Object:
        """A master is one that has replicas: a lone server never is. It stays while pods change."""
        if seen.trouble:
            return {"masterNode": None}
        name = one["metadata"]["name"]
        return {"masterNode": f"{name}-0"} if seen.settled and seen.wanted > 1 else {}


class Sentinels(_Redis):
    plural = "redissentinels"
    finalizer = "redisSentinelFinalizer"

    def children(self, one: Object) -> Iterable[Object]:
        name = f"{one['metadata']['name']}-sentinel"
        yield _servers(one, name, one["spec"]["clusterSize"])
        yield service(name, {"sentinel-client": 26379}, name)

    def status(self, one: Object, seen: Seen) -> Object:
        return {}


class Clusters(_Redis):
    plural = "redisclusters"
    finalizer = "redisClusterFinalizer"

    def children(self, one: Object) -> Iterable[Object]:
        for role in ("leader", "follower"):
            name = f"{one['metadata']['name']}-{role}"
            yield _servers(one, name, one["spec"][f"redis{role.title()}"]["replicas"])
            yield service(name, {"redis-client": 6379}, name)

    def status(self, one: Object, seen: Seen) -> Object:
        """It says "Failed" whenever a pod is away, at a rolling update too."""
        leaders = one["spec"]["redisLeader"]["replicas"]
        if seen.settled:
            told = ("Ready", "RedisCluster is ready")
        elif seen.ready == seen.wanted:
            told = ("Bootstrap", "RedisCluster is bootstrapping")
        else:
            told = ("Failed", "StatefulSet not ready")
        ready = min(seen.ready, leaders)
        counted = {"readyLeaderReplicas": ready, "readyFollowerReplicas": seen.ready - ready}
        return {"state": told[0], "reason": told[1], **counted}
