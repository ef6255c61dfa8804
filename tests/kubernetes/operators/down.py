"""An operator that is down, as the API server sees it: its webhook does not answer, and every write
to its kinds is answered with 500. Deletes pass.
"""

from __future__ import annotations

import time

from tests.kubernetes.api import Api, Refused, place

_CONFIGURATION = ("admissionregistration.k8s.io/v1", "mutatingwebhookconfigurations")
_NOBODY = "https://127.0.0.1:1/"
_SAID = "failed calling webhook"


class Outage:
    """Of the operator of these kinds, pairs of api and plural."""

    def __init__(self, name: str, api: Api, kinds: list[tuple[str, str]]) -> None:
        self._name, self._api, self._kinds = f"{name}-down", api, kinds

    def begin(self) -> None:
        """In force when it returns."""
        configuration = {
            "apiVersion": _CONFIGURATION[0],
            "kind": "MutatingWebhookConfiguration",
            "metadata": {"name": self._name},
            "webhooks": [self._hook(*kind) for kind in self._kinds],
        }
        self._api.post(place(*_CONFIGURATION), configuration)
        self._wait(True)

    def end(self) -> None:
        """Over when it returns."""
        self._api.delete(place(*_CONFIGURATION, name=self._name))
        self._wait(False)

    def _hook(self, api: str, plural: str) -> dict:
        """One that changes objects: it is asked before the schema is."""
        group, version = api.split("/")
        rule = {
            "apiGroups": [group],
            "apiVersions": [version],
            "resources": [plural],
            "operations": ["CREATE", "UPDATE"],
        }
        return {
            "name": f"{plural}.{group}",
            "clientConfig": {"url": _NOBODY},
            "rules": [rule],
            "failurePolicy": "Fail",
            "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
        }

    def _wait(self, wanted: bool) -> None:
        """The API server takes a change of its webhooks up a moment later."""
        until = time.monotonic() + 120
        while any(self._refuses(*kind) is not wanted for kind in self._kinds):
            assert time.monotonic() < until, f"{self._name} did not take effect"
            time.sleep(0.05)

    def _refuses(self, api: str, plural: str) -> bool:
        kind = self._api.get(f"/apis/{api}")
        names = {one["name"]: one["kind"] for one in kind["resources"]}
        probe = {"apiVersion": api, "kind": names[plural], "metadata": {"name": "probe"}}
        try:
            self._api.post(f"{place(api, plural, 'default')}?dryRun=All", probe)
        except Refused as refused:
            return _SAID in str(refused)
        return False
