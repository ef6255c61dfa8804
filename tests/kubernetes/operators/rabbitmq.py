"""RabbitMQ's cluster operator 2.22.3, and the kinds of its topology operator 1.20 that are used.
Facts from their API and recorded statuses.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable

from tests.kubernetes.api import Api, place
from tests.kubernetes.operators.double import Object, Play, Seen, conditions, owner
from tests.kubernetes.operators.shapes import claim, secret, service, stateful_set

_KEYS = {"username": "username", "password": "password"}


class RabbitmqClusters(Play):
    api = "rabbitmq.com/v1beta1"
    plural = "rabbitmqclusters"
    finalizer = "deletion.finalizers.rabbitmqclusters.rabbitmq.com"

    def __init__(self) -> None:
        self._most: dict[str, int] = {}  # replicas that there have been, by uid

    def refuses(self, one: Object) -> tuple[str, str] | None:
        """It never takes a replica away."""
        uid, replicas = one["metadata"]["uid"], one["spec"].get("replicas", 1)
        if replicas < self._most.setdefault(uid, replicas):
            return "UnsupportedOperation", "Cluster Scale down not supported"
        self._most[uid] = replicas
        return None

    def children(self, one: Object) -> Iterable[Object]:
        name, spec = one["metadata"]["name"], one["spec"]
        ports = {"amqps": 5671, "management-tls": 15671, "prometheus-tls": 15691}
        nodes = f"{name}-nodes"
        yield service(nodes, {"epmd": 4369, "cluster-rpc": 25672}, f"{name}-server", headless=True)
        yield service(
            name, ports, f"{name}-server", kind=spec.get("service", {}).get("type", "ClusterIP")
        )
        host = f"{name}.{one['metadata']['namespace']}.svc"
        user, password = f"default_user_{secrets.token_hex(6)}", secrets.token_urlsafe(24)
        yield secret(
            f"{name}-default-user",
            username=user,
            password=password,
            host=host,
            port="5671",
            provider="rabbitmq",
            type="rabbitmq",
            connection_string=f"amqps://{user}:{password}@{host}:5671/",
        )
        kept = spec.get("persistence", {})
        yield stateful_set(
            f"{name}-server",
            spec.get("replicas", 1),
            spec.get("image", "rabbitmq:4.2.6-management"),
            service=nodes,
            resources=spec.get("resources"),
            claims={
                "persistence": claim(kept.get("storage", "10Gi"), kept.get("storageClassName"))
            },
            claim_owner=owner(one),  # so that its data goes with it
        )

    def status(self, one: Object, seen: Seen) -> Object:
        name, namespace = one["metadata"]["name"], one["metadata"]["namespace"]
        all_ready, some = ("True", "AllPodsAreReady", ""), seen.settled or seen.ready > 0
        counted = ("False", "NotAllPodsReady", f"{seen.ready}/{seen.wanted} Pods ready")
        nobody = ("False", "NoEndpointsAvailable", "The service has no endpoints available")
        said = {
            "AllReplicasReady": all_ready if seen.settled else counted,
            "ClusterAvailable": ("True", "AtLeastOneEndpointAvailable", "") if some else nobody,
            "NoWarnings": ("True", "NoWarnings", ""),
            "ReconcileSuccess": ("Unknown", "Initialising", ""),
        }
        if seen.trouble:  # the others stay as they were
            said = {"ReconcileSuccess": ("False", *seen.trouble)}
        elif seen.settled:
            said["ReconcileSuccess"] = ("True", "Success", "Finish reconciling")
        secret_of = {"name": f"{name}-default-user", "namespace": namespace, "keys": _KEYS}
        user = {"secretReference": secret_of}
        user["serviceReference"] = {"name": name, "namespace": namespace}
        told = {"binding": {"name": f"{name}-default-user"}, "defaultUser": user}
        more = told if seen.settled else {}
        return {"conditions": conditions(one, **said), **more}


class _Topology(Play):
    """What is declared in a cluster. It cannot leave while the cluster does not answer."""

    api = RabbitmqClusters.api

    def status(self, one: Object, seen: Seen) -> Object:
        made = ("True", "SuccessfulCreateOrUpdate", "")
        if seen.trouble:
            made = ("False", "FailedCreateOrUpdate", seen.trouble[1])
        return {"conditions": conditions(one, Ready=made)}

    def leaves(self, api: Api, one: Object) -> bool:
        named = one["metadata"]["namespace"], one["spec"]["rabbitmqClusterReference"]["name"]
        return bool(api.get(place(RabbitmqClusters.api, RabbitmqClusters.plural, *named)))


class Vhosts(_Topology):
    plural = "vhosts"
    finalizer = "deletion.finalizers.vhosts.rabbitmq.com"


class Permissions(_Topology):
    plural = "permissions"
    finalizer = "deletion.finalizers.permissions.rabbitmq.com"


class Users(_Topology):
    plural = "users"
    finalizer = "deletion.finalizers.users.rabbitmq.com"

    def children(self, one: Object) -> Iterable[Object]:
        yield secret(f"{one['metadata']['name']}-user-credentials", username="app", password="-")

    def status(self, one: Object, seen: Seen) -> Object:
        kept = {"name": f"{one['metadata']['name']}-user-credentials"}
        return {**super().status(one, seen), "username": "app", "credentials": kept}
