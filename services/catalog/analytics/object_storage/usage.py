"""Requests for buckets and what lies in them. Polder asks for the list of buckets, which is of none
and no request here, and reads an object past the gateway that counts. Nobody tells it in a cluster
yet: Ceph counts by users and buckets of its own names. Source: SeaweedFS 4, its Prometheus metrics.
"""

import re
from collections.abc import Iterator

from services.manifests.counting import counted as counted
from services.manifests.counting import listings as listings
from services.spec import Counter, Standing

METERS: tuple[str, ...] = ()
COUNTERS: tuple[Counter, ...] = ()
_LINE = re.compile(r"^SeaweedFS_s3_request_total\{(.*)\} (\S+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_READS = frozenset({"GET", "HEAD", "LIST"})


def requests(metrics: str) -> Iterator[Standing]:
    """By bucket, kind and status. The first ones stand for there being none."""
    if "SeaweedFS_" not in metrics:
        raise ValueError("no metrics")
    yield from (Standing(meter, 0) for meter in ("read_requests", "write_requests"))
    for labels, value in _LINE.findall(metrics):
        said = dict(_LABEL.findall(labels))
        if said["bucket"]:
            meter = "read_requests" if said["type"] in _READS else "write_requests"
            name = f"{said['bucket']}/{said['type']}/{said['code']}"
            yield Standing(meter, int(float(value)), name)
