"""mariadb-operator 26.6: MariaDB, and the kinds that are statements to it. It does not write
observedGeneration. Facts from its code and documentation.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable

from tests.kubernetes.operators.double import Object, Play, Seen, conditions
from tests.kubernetes.operators.shapes import claim, secret, service, stateful_set


class _MariaDB(Play):
    api = "k8s.mariadb.com/v1alpha1"
    observes = False


class Servers(_MariaDB):
    plural = "mariadbs"

    def children(self, one: Object) -> Iterable[Object]:
        name, spec = one["metadata"]["name"], one["spec"]
        replicated = spec.get("replication", {}).get("enabled", False)
        yield secret(f"{name}-ca-bundle", **{"ca.crt": "-----BEGIN CERTIFICATE-----"})
        if replicated:
            key = spec["replication"]["replica"]["replPasswordSecretKeyRef"]
            yield secret(key["name"], **{key["key"]: secrets.token_urlsafe(24)})
        ends = ("", "-internal", "-primary", "-secondary") if replicated else ("", "-internal")
        for end in ends:
            kind = spec.get("primaryService" if end == "-primary" else "service", {}).get("type")
            headless = end == "-internal"
            yield service(name + end, {"mariadb": 3306}, name, kind or "ClusterIP", headless)
        made = stateful_set(
            name,
            spec.get("replicas", 1),
            spec["image"],
            service=f"{name}-internal",
            resources=spec.get("resources"),
            claims={
                "storage": claim(spec["storage"]["size"], spec["storage"].get("storageClassName"))
            },
            marks=spec.get("podMetadata", {}).get("annotations"),
        )
        labels = {"app.kubernetes.io/name": "mariadb", "app.kubernetes.io/instance": name}
        made["spec"]["selector"] = {"matchLabels": labels}
        made["spec"]["template"]["metadata"]["labels"] = labels
        yield made

    def status(self, one: Object, seen: Seen) -> Object:
        """Replicas that are ready; its primary, which it writes into the object's spec too."""
        said: dict[str, tuple[str, str, str]] = {"Ready": ("False", "StatefulSetNotReady", "")}
        if not one.get("status"):
            said = {"Ready": ("False", "Initializing", "Initializing")}
        elif seen.trouble:
            said = {"Ready": ("False", *seen.trouble)}
        elif seen.settled:
            said = {"Ready": ("True", "StatefulSetReady", "Running")}
            said |= {"Updated": ("True", "Updated", "Updated")}
        told: Object = {"replicas": seen.ready, "conditions": conditions(one, **said)}
        primary = f"{one['metadata']['name']}-0"
        return {**told, "currentPrimary": primary} if seen.settled else told


class _Statement(_MariaDB):
    """Run against the server, once that is ready; its finalizer goes when the object may."""

    finalizer = "finalizer.k8s.mariadb.com"

    def status(self, one: Object, seen: Seen) -> Object:
        told = ("True", "Created", "Created")
        if seen.trouble:
            told = ("False", "Failed", seen.trouble[1])
        return {"conditions": conditions(one, Ready=told)}


class Databases(_Statement):
    plural = "databases"


class Users(_Statement):
    plural = "users"


class Grants(_Statement):
    plural = "grants"


class Backups(_MariaDB):
    plural = "physicalbackups"

    def status(self, one: Object, seen: Seen) -> Object:
        if one["spec"].get("schedule", {}).get("suspend"):
            return {"conditions": conditions(one, Complete=("False", "Suspended", "Suspended"))}
        return {"conditions": conditions(one, Complete=("True", "JobComplete", "Success"))}
