"""Objects of one cluster: applied by the server, read, deleted. The only code that speaks to an API
server.

Every error is one of ours: Temporary where the API server is away, busy or starting, or a webhook
does not answer; Permanent where trying again cannot help, with what was said in `detail`.
Source: Kubernetes API conventions, "Server-Side Apply" and "API server: status codes".
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from kubernetes.dynamic import DynamicClient
from kubernetes.dynamic.exceptions import DynamicApiError, ResourceNotFoundError
from kubernetes.watch.watch import iter_resp_lines

from portal.kernel.errors import Permanent
from services.backends.kubernetes.answers import told, translated
from services.backends.kubernetes.patience import CONNECT_SECONDS, PatientClient
from services.spec import Kind

MANAGER = "polder"
_PAGE = 500
_CONNECTIONS = 64  # a watch holds one for each kind
# The client would keep what a cluster serves in a file that anybody may write, and trust it.
_NOWHERE = os.path.join(os.devnull, "discovery")
_FORGET_SECONDS = 60  # how long a kind that is not served is not asked for again

# Source: Kubernetes, "Aggregated discovery"; the server falls back to nothing that we would take.
_ALL_AT_ONCE = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
_TOKEN = ["BearerToken"]
# What the client raises for a kubeconfig of another shape, or with a key that is none.
_UNREADABLE = (ValueError, TypeError, AttributeError, LookupError, OSError)

Object = Mapping[str, Any]
Page = Sequence[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Rule:
    """Of RBAC; `*` stands for all."""

    groups: tuple[str, ...]
    resources: tuple[str, ...]
    verbs: tuple[str, ...]

    def allows(self, group: str, resource: str, verb: str) -> bool:
        return all(
            one in many or "*" in many
            for one, many in ((group, self.groups), (resource, self.resources), (verb, self.verbs))
        )


class Objects:
    """One cluster, as a kubeconfig names it; with an empty one, that in which this runs. Threads
    may share it.
    """

    def __init__(self, kubeconfig: Mapping[str, Any], context: str | None = None) -> None:
        """Raises: Permanent("kubeconfig-wrong")."""
        configuration = client.Configuration()
        try:
            if kubeconfig:
                config.load_kube_config_from_dict(
                    dict(kubeconfig), context=context, client_configuration=configuration
                )
            else:
                config.load_incluster_config(configuration)
        except config.ConfigException as error:
            raise Permanent("kubeconfig-wrong", detail=str(error)) from error
        except _UNREADABLE as error:  # what it says may show a part of a key
            raise Permanent("kubeconfig-wrong", detail=type(error).__name__) from error
        configuration.connection_pool_maxsize = _CONNECTIONS
        configuration.retries = 0  # operations try again by themselves, and are seen to
        self._api = PatientClient(configuration)
        self._known: DynamicClient | None = None
        self._absent: dict[Kind, float] = {}

    def version(self) -> str:
        """Of the API server, as v1.36.3."""
        with translated():
            said = client.VersionApi(self._api).get_code()
        return str(said.git_version)

    def kinds(self) -> dict[Kind, str]:
        """What the server serves now, operators' kinds included: the name in addresses by kind. One
        request.
        """
        with translated():
            answer = self._api.call_api(
                *self._api.param_serialize(
                    "GET", "/apis", header_params={"Accept": _ALL_AT_ONCE}, auth_settings=_TOKEN
                )
            )
            said = answer.read()
            if answer.status != 200:
                raise told(answer.status, said.decode(errors="replace"))
        return {
            Kind(
                f"{group['metadata']['name']}/{version['version']}", one["responseKind"]["kind"]
            ): (one["resource"])
            for group in json.loads(said)["items"]
            for version in group["versions"]
            for one in version.get("resources", ())
        }

    def rights(self, namespace: str) -> list[Rule] | None:
        """What whoever asks may do there and in the whole cluster; None where the server cannot
        tell all of it. One request.
        """
        spec = client.V1SelfSubjectRulesReviewSpec(namespace=namespace)
        body = client.V1SelfSubjectRulesReview(spec=spec)
        with translated():
            review = client.AuthorizationV1Api(self._api).create_self_subject_rules_review(body)
        if review.status is None or review.status.incomplete:
            return None
        return [
            Rule(tuple(rule.api_groups or ()), tuple(rule.resources or ()), tuple(rule.verbs))
            for rule in review.status.resource_rules
            if not rule.resource_names
        ]

    def apply(
        self, wanted: Object, *, dry_run: bool = False, force: bool = False
    ) -> dict[str, Any]:
        """The object as it stands after it. Fields that this release no longer names are given up;
        fields of others are not taken: that is Permanent("field-conflict") with their manager,
        unless with `force`, for what is ours alone.
        """
        kind = self._kind(wanted["apiVersion"], wanted["kind"])
        more = {"dry_run": "All"} if dry_run else {}
        with translated():
            answer = self._dynamic.server_side_apply(
                kind,
                body=dict(wanted),
                name=wanted["metadata"]["name"],
                namespace=wanted["metadata"].get("namespace"),
                field_manager=MANAGER,
                force_conflicts=force,
                query_params=[("fieldValidation", "Strict")],
                **more,
            )
        return _plain(answer)

    def get(
        self, api: str, kind: str, name: str, namespace: str | None = None
    ) -> dict[str, Any] | None:
        """None where there is no such object."""
        with translated():
            try:
                answer = self._dynamic.get(self._kind(api, kind), name=name, namespace=namespace)
            except DynamicApiError as error:
                if error.status == 404:
                    return None
                raise
        return _plain(answer)

    def list(
        self,
        api: str,
        kind: str,
        namespace: str | None = None,
        labels: Mapping[str, str] = {},
        fields: str = "",
    ) -> list[dict[str, Any]]:
        """All with these labels and fields (a selector), in one namespace or in all."""
        selector = ",".join(f"{key}={value}" for key, value in labels.items())
        with translated():
            answer = self._dynamic.get(
                self._kind(api, kind),
                namespace=namespace,
                label_selector=selector or None,
                field_selector=fields or None,
            )
        return list(_plain(answer)["items"])

    def delete(
        self,
        api: str,
        kind: str,
        name: str,
        namespace: str | None = None,
        *,
        policy: Literal["Foreground", "Background"] = "Foreground",
    ) -> bool:
        """In the foreground it stays, marked, until all that belongs to it is gone. False where
        there is none any more.
        """
        with translated():
            try:
                self._dynamic.delete(
                    self._kind(api, kind),
                    name=name,
                    namespace=namespace,
                    body={"propagationPolicy": policy},
                )
            except DynamicApiError as error:
                if error.status == 404:
                    return False
                raise
        return True

    def serves(self, api: str, kind: str) -> bool:
        """Whether the cluster knows this kind. Asked once, or once a minute where it does not."""
        asked = Kind(api, kind)
        if self._absent.get(asked, 0) > time.monotonic():
            return False
        try:
            self._kind(api, kind)
        except Permanent:
            self._absent[asked] = time.monotonic() + _FORGET_SECONDS
            return False
        return True

    def create(self, wanted: Object) -> bool:
        """False where there is one of that name already: it stays as it is."""
        kind = self._kind(wanted["apiVersion"], wanted["kind"])
        with translated():
            try:
                self._dynamic.create(
                    kind,
                    body=dict(wanted),
                    namespace=wanted["metadata"].get("namespace"),
                    field_manager=MANAGER,
                )
            except DynamicApiError as error:
                if error.status == 409:
                    return False
                raise
        return True

    def release(self, api: str, kind: str, name: str, namespace: str | None = None) -> None:
        """Takes all finalizers off an object, so that it goes without what they wait for."""
        with translated():
            try:
                self._dynamic.patch(
                    self._kind(api, kind),
                    name=name,
                    namespace=namespace,
                    body={"metadata": {"finalizers": None}},
                    content_type="application/merge-patch+json",
                )
            except DynamicApiError as error:
                if error.status != 404:
                    raise

    def replace(self, wanted: Object) -> bool:
        """Writes the whole object if it still is at its `resourceVersion`; False if it is not."""
        kind = self._kind(wanted["apiVersion"], wanted["kind"])
        with translated():
            try:
                self._dynamic.replace(
                    kind,
                    body=dict(wanted),
                    name=wanted["metadata"]["name"],
                    namespace=wanted["metadata"].get("namespace"),
                )
            except DynamicApiError as error:
                if error.status == 409:
                    return False
                raise
        return True

    def pages(self, api: str, kind: str, labels: str = "") -> Iterator[tuple[Page, str]]:
        """All objects of all namespaces, some hundred at a time, with the resourceVersion of the
        list.
        """
        more = ""
        while True:
            asked = {"limit": str(_PAGE), "labelSelector": labels, "continue": more}
            with translated(), self._stream(api, kind, asked) as answer:
                page = json.loads(answer.data)
            metadata = page["metadata"]
            told = {"apiVersion": page["apiVersion"], "kind": kind}
            yield [{**told, **item} for item in page["items"]], metadata["resourceVersion"]
            more = metadata.get("continue", "")
            if not more:
                return

    def changes(
        self, api: str, kind: str, version: str, labels: str = "", *, seconds: int
    ) -> Iterator[dict[str, Any]]:
        """Events from `version` on (ADDED, MODIFIED, DELETED, BOOKMARK with `object`), for so many
        seconds. Raises: Temporary("version-gone") where the cluster no longer remembers it.
        """
        asked = {
            "watch": "true",
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(seconds),
            "labelSelector": labels,
        }
        with (
            translated(),
            self._stream(api, kind, asked, (CONNECT_SECONDS, seconds + 30)) as answer,
        ):
            for line in iter_resp_lines(answer):
                event = json.loads(line)
                if event["type"] == "ERROR":
                    said = event["object"]
                    raise told(int(said.get("code", 500)), json.dumps(said))
                yield event

    @contextmanager
    def _stream(
        self,
        api: str,
        kind: str,
        asked: Mapping[str, str],
        timeout: tuple[float, float] | None = None,
    ) -> Iterator[Any]:
        """The answer as it comes, unread."""
        answer = self._dynamic.request(
            "get",
            self._kind(api, kind).path(),
            query_params=[(key, value) for key, value in asked.items() if value],
            header_params={"Accept": "application/json"},
            serialize=False,
            _request_timeout=timeout,
        )
        try:
            yield answer
        finally:
            answer.close()
            answer.release_conn()

    def pod_log(self, pod: str, namespace: str, lines: int) -> str:
        """The newest lines of the first container; empty where the pod has none yet."""
        with translated():
            try:
                said: str = client.CoreV1Api(self._api).read_namespaced_pod_log(
                    pod, namespace, tail_lines=lines, timestamps=True
                )
            except ApiException as error:
                if error.status in (400, 404):
                    return ""
                raise
        return said

    @property
    def _dynamic(self) -> DynamicClient:
        """Made at the first call: it asks the server what it serves."""
        if self._known is None:
            with translated():
                self._known = DynamicClient(self._api, cache_file=_NOWHERE)
        return self._known

    def _kind(self, api: str, kind: str) -> Any:
        """Raises: Permanent("kind-not-served") for an operator that is not installed."""
        with translated():
            try:
                return self._dynamic.resources.get(api_version=api, kind=kind)
            except ResourceNotFoundError as error:
                raise Permanent("kind-not-served", detail=f"{api} {kind}") from error


def _plain(answer: Any) -> dict[str, Any]:
    return dict(answer.to_dict())
