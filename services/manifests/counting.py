"""What servers count of their clients, for the `usage.py` of offerings of which no object of a
cluster tells more than the time of a plan does.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from services.spec import Counted, Counter, InstanceSpec, Listing, Manifest


def of_pods(meter: str, selector: str, *labels: str) -> Counter:
    """A counter of each pod of an instance, scraped as a PodMonitor says: its labels are the pod's
    namespace and name, and those of its own that tell its series apart.
    """
    return Counter(meter, selector, "namespace", "pod", of_pods=True, each=("pod", *labels))


def listings(spec: InstanceSpec) -> tuple[Listing, ...]:
    return ()


def counted(
    spec: InstanceSpec, found: Sequence[Manifest], since: datetime, until: datetime
) -> tuple[Counted, ...]:
    return ()
