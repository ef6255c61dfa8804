"""What controllers say in events alone.

Source: Kubernetes API reference, "Event v1 core".
"""

from __future__ import annotations

from datetime import datetime

from portal.kernel.errors import Permanent
from services.backends.kubernetes.objects import Objects

_NOT_MADE = "type=Warning,reason=FailedCreate"


def refused_pods(objects: Objects, namespace: str, instance: str, since: datetime) -> str:
    """Why a controller cannot make a pod of this instance (a quota, a webhook), in the cluster's
    words, the newest since then; empty where it can, or where we may not look.
    """
    try:
        found = objects.list("v1", "Event", namespace, fields=_NOT_MADE)
    except Permanent:
        return ""
    told = (
        (event.get("lastTimestamp") or "", event.get("message", ""))
        for event in found
        if event["involvedObject"]["name"].startswith(instance)
    )
    return max((one for one in told if one[0] >= since.isoformat()[:19]), default=("", ""))[1]
