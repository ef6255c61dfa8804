"""What Polder may do in a region's cluster. deploy/region holds what is the same everywhere; the
rights on operators' kinds follow from the catalogue.
"""

from __future__ import annotations

from collections.abc import Iterable

from services.spec import Entry, Manifest

_GROUP = "rbac.authorization.k8s.io"
_ACCOUNT = {"kind": "ServiceAccount", "name": "polder", "namespace": "polder-system"}
_VERBS = ["get", "list", "watch", "create", "patch", "delete"]
# Of these an offering renders objects where a region has them; no offering is off without.
_SHARED = frozenset({"cert-manager.io", "monitoring.coreos.com"})
# Kubernetes' own groups are never given whole: deploy/region/rights.yaml names what is needed.
_OWN = frozenset({"", "apps", "autoscaling", "batch", "policy"})
_OWN_ENDING = ".k8s.io"
_OF_OTHERS = frozenset({"externaldns.k8s.io", "gateway.networking.k8s.io", "objectstorage.k8s.io"})


def groups(entries: Iterable[Entry]) -> frozenset[str]:
    """The API groups of all operators that these offerings need."""
    kinds = (kind for entry in entries if entry.kubernetes for kind in entry.kubernetes.KINDS)
    named = {kind.api.rpartition("/")[0] for kind in kinds}
    return frozenset(group for group in named if not _is_kubernetes_own(group)) | _SHARED


def operators(named: Iterable[str]) -> Manifest:
    """The ClusterRole for these groups: whole, since a kind's plural is known to its cluster alone.
    deploy/region/admission.yaml keeps what is written with it within projects' namespaces.
    """
    rules = [{"apiGroups": sorted(named), "resources": ["*"], "verbs": _VERBS}]
    return {
        "apiVersion": f"{_GROUP}/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "polder-operators"},
        "rules": rules,
    }


def binding(namespace: str) -> Manifest:
    """Lets Polder into the namespace of a project, which it has made itself."""
    return {
        "apiVersion": f"{_GROUP}/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "polder", "namespace": namespace},
        "roleRef": {"apiGroup": _GROUP, "kind": "ClusterRole", "name": "polder-project"},
        "subjects": [_ACCOUNT],
    }


def _is_kubernetes_own(group: str) -> bool:
    return group in _OWN or (group.endswith(_OWN_ENDING) and group not in _OF_OTHERS)
