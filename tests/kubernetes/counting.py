"""How many requests Polder makes: the API server counts them by what a FlowSchema sorts them into.

Source: Kubernetes, "API Priority and Fairness".
"""

from __future__ import annotations

import time

from tests.kubernetes.cluster import Cluster

# Before all but that for administrators, and without a limit as that is.
_NAME = "a-polder"
_SCHEMA = {
    "apiVersion": "flowcontrol.apiserver.k8s.io/v1",
    "kind": "FlowSchema",
    "metadata": {"name": _NAME},
    "spec": {
        "matchingPrecedence": 2,
        "priorityLevelConfiguration": {"name": "exempt"},
        "rules": [
            {
                "subjects": [{"kind": "User", "user": {"name": "polder"}}],
                "resourceRules": [
                    {
                        "verbs": ["*"],
                        "apiGroups": ["*"],
                        "resources": ["*"],
                        "clusterScope": True,
                        "namespaces": ["*"],
                    }
                ],
                "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
            }
        ],
    },
}


def requests(cluster: Cluster) -> int:
    """So far. Counted from the first call on."""
    if not cluster.get(f"/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas/{_NAME}"):
        cluster.apply(_SCHEMA)
        time.sleep(2)  # nothing says when the server sorts by it
    counted = (
        line
        for line in cluster.get("/metrics").splitlines()
        if line.startswith("apiserver_flowcontrol_dispatched_requests_total")
        and f'flow_schema="{_NAME}"' in line
    )
    return int(sum(float(line.rsplit(" ", 1)[1]) for line in counted))
