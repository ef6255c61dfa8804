"""What a region's prober reads and reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portal.api.serializers.common import (
    BOOLEAN,
    INTEGER,
    MOMENT,
    TEXT,
    Json,
    body,
    many,
    maybe,
    one_of,
    shape,
)
from services.instances import probe_reports
from services.probes.protocols import CHECKS

if TYPE_CHECKING:
    from services.instances.probe_reports import Asked, Taken

_MINUTES = {**many({"type": "integer", "minimum": 0, "maximum": 4}), "maxItems": 5}
_WINDOW = shape(
    {
        "instance": TEXT,
        "start": MOMENT,
        "known": _MINUTES,
        "bad": _MINUTES,
        "latency_micros": maybe({"type": "integer", "minimum": 1}),
    }
)
WINDOWS = body(
    {"windows": {**many(_WINDOW), "maxItems": probe_reports.MOST}}, required=("windows",)
)

SCHEMAS: dict[str, Json] = {
    "ProbeTargets": shape(
        {
            "in_cluster": BOOLEAN,
            "results": many(
                shape(
                    {
                        "instance": TEXT,
                        "check": one_of(*CHECKS),
                        "host": TEXT,
                        "port": INTEGER,
                        "tls": BOOLEAN,
                        "path": TEXT,
                        "statuses": many(INTEGER),
                    }
                )
            ),
        }
    ),
    "MinutesTaken": shape(
        {
            "accepted": INTEGER,
            "rejected": many(
                shape({"index": INTEGER, "code": one_of(*probe_reports.CODES), "detail": TEXT})
            ),
        }
    ),
}


def asked(found: Asked) -> Json:
    return {
        "in_cluster": found.in_cluster,
        "results": [
            {
                "instance": target.key,
                "check": target.question.check,
                "host": target.question.host,
                "port": target.question.port,
                "tls": target.question.tls,
                "path": target.question.path,
                "statuses": list(target.question.statuses),
            }
            for target in found.targets
        ],
    }


def taken(found: Taken) -> Json:
    return {
        "accepted": found.accepted,
        "rejected": [
            {"index": fault.index, "code": fault.code, "detail": fault.detail}
            for fault in found.rejected
        ],
    }
