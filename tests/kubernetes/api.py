"""The few requests to the API server that programs inside the rig's network and doubles make."""

from __future__ import annotations

import http.client
import json
import ssl
import urllib.parse
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

_PLURALS = {
    "ConfigMap": "configmaps",
    "CronJob": "cronjobs",
    "Deployment": "deployments",
    "Job": "jobs",
    "MutatingWebhookConfiguration": "mutatingwebhookconfigurations",
    "PersistentVolumeClaim": "persistentvolumeclaims",
    "Pod": "pods",
    "PodDisruptionBudget": "poddisruptionbudgets",
    "Secret": "secrets",
    "Service": "services",
    "ServiceAccount": "serviceaccounts",
    "StatefulSet": "statefulsets",
}


class Refused(OSError):
    """What the API server said no to, and with which status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def place(api: str, plural: str, namespace: str = "", name: str = "") -> str:
    """The path of objects of a kind, or of one."""
    parts = ["/api" if api == "v1" else "/apis", api]
    parts += ["namespaces", namespace] if namespace else []
    return "/".join([*parts, plural, *([name] if name else [])])


def place_of(one: Mapping[str, Any]) -> str:
    """The path of an object of one of Kubernetes' own kinds."""
    named = one["metadata"]
    plural = _PLURALS[one["kind"]]
    return place(one["apiVersion"], plural, named.get("namespace", ""), named["name"])


class Api:
    """As a kubeconfig of the rig says. Threads may share it. Every call raises Refused where the
    API server says no, and OSError while nobody answers.
    """

    def __init__(self, kubeconfig: Path | str) -> None:
        known = json.loads(Path(kubeconfig).read_text())
        server = known["clusters"][0]["cluster"]
        self._to = urllib.parse.urlsplit(server["server"])
        self._trusted = ssl.create_default_context(cafile=server["certificate-authority"])
        self._token = known["users"][0]["user"]["token"]

    def get(self, path: str) -> dict[str, Any]:
        """Empty where there is no such thing."""
        try:
            return self._ask("GET", path)
        except Refused as refused:
            if refused.status == 404:
                return {}
            raise

    def items(self, path: str) -> list[dict[str, Any]]:
        """Empty where there is no such kind either."""
        return self.get(path).get("items") or []

    def changes(self, path: str, version: str) -> Iterator[dict[str, Any]]:
        """Events of a watch from this resourceVersion on, for half a minute."""
        query = {"watch": "true", "resourceVersion": version, "timeoutSeconds": "30"}
        link = self._link(40)
        try:
            address = f"{path}{'&' if '?' in path else '?'}{urllib.parse.urlencode(query)}"
            link.request("GET", address, headers={"Authorization": f"Bearer {self._token}"})
            answer = link.getresponse()
            if answer.status >= 300:
                raise Refused(answer.status, answer.read().decode(errors="replace"))
            for line in answer:
                yield json.loads(line)
        except (http.client.HTTPException, ValueError) as error:
            raise OSError(str(error)) from error
        finally:
            link.close()

    def merge(self, path: str, change: Mapping[str, Any]) -> dict[str, Any]:
        return self._ask("PATCH", path, change, "application/merge-patch+json")

    def apply(self, wanted: Mapping[str, Any], manager: str) -> dict[str, Any]:
        """An object of Kubernetes' own kinds, its fields taken over from whoever had them."""
        query = urllib.parse.urlencode({"fieldManager": manager, "force": "true"})
        path = f"{place_of(wanted)}?{query}"
        return self._ask("PATCH", path, wanted, "application/apply-patch+yaml")

    def post(self, path: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
        return self._ask("POST", path, wanted, "application/json")

    def delete(self, path: str) -> None:
        """Nothing where it has gone."""
        try:
            self._ask("DELETE", path)
        except Refused as refused:
            if refused.status != 404:
                raise

    def _ask(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, kind: str = ""
    ) -> dict[str, Any]:
        link = self._link(10)
        headers = {"Authorization": f"Bearer {self._token}"}
        headers |= {"Content-Type": kind} if kind else {}
        try:
            link.request(method, path, json.dumps(body) if body is not None else None, headers)
            answer = link.getresponse()
            said: dict[str, Any] = json.loads(answer.read() or b"{}")
        except (http.client.HTTPException, ValueError) as error:
            raise OSError(str(error)) from error
        finally:
            link.close()
        if answer.status >= 300:
            raise Refused(answer.status, said.get("message", ""))
        return said

    def _link(self, seconds: float) -> http.client.HTTPSConnection:
        host, port = self._to.hostname or "", self._to.port
        return http.client.HTTPSConnection(host, port, context=self._trusted, timeout=seconds)
